"""The error family of quality. Messages are Chinese, fit for a screen, and carry no personal data."""


class QualityError(Exception):
    """Something about quality cannot be done as asked; the message says why and what to do next."""


class IssueRefused(QualityError):
    """An issue cannot be opened or moved this way."""


class IssueGoingOn(IssueRefused):
    """The rule already has an issue at this institution that is not closed."""

    def __init__(self) -> None:
        super().__init__("这家机构的这条规则已有进行中的整改，不必重复发起，请在整改列表中查看。")
