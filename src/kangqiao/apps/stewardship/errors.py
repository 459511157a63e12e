"""The error family of the review desk. Messages are Chinese, fit for a screen, and carry no personal data."""


class StewardshipError(Exception):
    """Something cannot be done; the message says why and what to do next."""


class CorrectionRefused(StewardshipError):
    """The request cannot be filed or moved like this."""


class CorrectionMoved(StewardshipError):
    """Somebody was quicker."""

    def __init__(self, state: str) -> None:
        super().__init__(f"这项申请现在是“{state}”，不能再这样处理，请刷新页面查看最新情况。")


class AlreadyChecked(StewardshipError):
    """Somebody has looked at this match, or it was taken back."""

    def __init__(self) -> None:
        super().__init__("这次合并已有人抽查或已被撤销，请抽查下一条。")
