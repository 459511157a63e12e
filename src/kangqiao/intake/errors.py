"""The error family of intake. Messages are Chinese and fit for a receipt; they carry no personal data."""


class IntakeError(Exception):
    """Something sent to the platform is not as it must be."""


class BatchRefused(IntakeError):
    """The batch as a whole can not be taken; ``word`` names the reason, the message says what to do next."""

    def __init__(self, word: str, message: str) -> None:
        self.word = word
        super().__init__(message)


class BatchBusy(IntakeError):
    """Another process is at work on the batch; try again later."""


class PartRefused(IntakeError):
    """One data set's file of the batch can not be taken; the others are."""

    def __init__(self, word: str, message: str) -> None:
        self.word = word
        super().__init__(message)
