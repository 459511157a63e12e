"""The error family of identity. Messages are Chinese, fit for a screen, and carry no personal data."""


class IdentityError(Exception):
    """A link cannot be made or undone; the message says why and what to do next."""


class AlreadyLinked(IdentityError):
    """The patient is linked to this resident already."""

    def __init__(self) -> None:
        super().__init__("该患者已关联到这位居民，无需重复关联。")


class ResidentMerged(IdentityError):
    """The resident has been merged into another one and takes no patients."""

    def __init__(self) -> None:
        super().__init__("这位居民已并入其他居民，请查找并入后的居民再关联。")


class LinkUndone(IdentityError):
    """Somebody has undone the link already."""

    def __init__(self) -> None:
        super().__init__("这一关联已被撤销，请刷新页面查看最新情况。")


class NothingToUndo(IdentityError):
    """A patient that is its own resident is linked to nobody else."""

    def __init__(self) -> None:
        super().__init__("该患者没有关联到其他居民，无可撤销。")


class ReasonMissing(IdentityError):
    """Whoever undoes a link says why."""

    def __init__(self) -> None:
        super().__init__("请填写撤销理由。")
