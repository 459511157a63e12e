"""The error family of identity. Messages are Chinese, fit for a screen, and carry no personal data."""

from collections.abc import Sequence
from uuid import UUID


class IdentityError(Exception):
    """A link cannot be made or undone; the message says why and what to do next."""


class AlreadyLinked(IdentityError):
    """The two are the same resident already."""

    def __init__(self) -> None:
        super().__init__("已经是同一位居民，无需重复认定。")


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
    """Whoever decides who is who says why."""

    def __init__(self) -> None:
        super().__init__("请填写理由。")


class KeptApart(IdentityError):
    """Somebody has said that the two are different people."""

    def __init__(self) -> None:
        super().__init__("这两位居民已被认定为不同的人；如有新的依据，请先撤销那次认定。")


class SecondPersonNeeded(IdentityError):
    """Two residents with citizen numbers of their own are joined, and parted again, by two people only."""

    def __init__(self) -> None:
        super().__init__("双方各有公民身份号码，合并和撤销合并都需要另一人复核。")


class AlreadyUndone(IdentityError):
    """Somebody has taken the decision back already."""

    def __init__(self) -> None:
        super().__init__("这次认定已被撤销，请刷新页面查看最新情况。")


class DoubtMoved(IdentityError):
    """Somebody has answered the doubt already, or it does not exist any more."""

    def __init__(self, state: str) -> None:
        super().__init__(f"这项疑问刚刚有了变化，现在是“{state}”，请刷新页面查看最新情况。")


class NothingToCompare(IdentityError):
    """Too little was said about the person to look for anybody."""

    def __init__(self) -> None:
        super().__init__("信息太少，无法比对：请提供证件号码，或姓名和出生日期。")


class SeveralResidents(IdentityError):
    """A number is told of several residents: `residents` are some of them."""

    def __init__(self, residents: Sequence[UUID]) -> None:
        self.residents = tuple(residents)
        super().__init__("这个号码登记在不止一位居民名下，不能据以认定是谁；请改用证件号码或院内患者号查询。")


class MatchingBusy(IdentityError):
    """Somebody is comparing already; what waits will be compared by them."""

    def __init__(self) -> None:
        super().__init__("另一个进程正在比对，请稍后再试。")


class Overtaken(IdentityError):
    """A resident was joined to another one while somebody was being linked to it; tried again, it ends well."""

    def __init__(self) -> None:
        super().__init__("这位居民的信息正在变动，请稍后再试。")


class ModelOutdated(IdentityError):
    """The model was learnt by another version of the engine; the next matching learns it anew."""

    def __init__(self) -> None:
        super().__init__("程序升级后正在重新比对全部患者，请稍后再试。")
