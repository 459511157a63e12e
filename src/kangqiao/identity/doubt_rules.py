"""Decisions about doubts, without database: what may follow what, and which come first."""

from typing import Final

from django.db.models import IntegerChoices, TextChoices

from kangqiao.identity.decisions import Doubt
from kangqiao.identity.errors import DoubtMoved


class Act(TextChoices):
    """What can be done with a doubt."""

    SAME = "same", "认定为同一人"
    PROPOSE = "propose", "提议合并，待复核"
    CONFIRM = "confirm", "复核通过"
    REJECT = "reject", "复核退回"
    APART = "apart", "认定不是同一人"
    LATER = "later", "稍后处理"
    SETTLE = "settle", "疑问已不存在"
    UNDO = "undo", "撤销"


OPEN, PROPOSED, SAME, APART, SETTLED = Doubt.State

AFTER_DOUBT: Final[dict[tuple[Doubt.State, Act], Doubt.State]] = {
    (OPEN, Act.SAME): SAME,
    (OPEN, Act.PROPOSE): PROPOSED,
    (OPEN, Act.APART): APART,
    (OPEN, Act.LATER): OPEN,
    (OPEN, Act.SETTLE): SETTLED,
    (PROPOSED, Act.CONFIRM): SAME,
    (PROPOSED, Act.REJECT): OPEN,
    (PROPOSED, Act.SETTLE): SETTLED,
    (SAME, Act.UNDO): OPEN,
    (APART, Act.UNDO): OPEN,
}
"""(state, act) → state; what is not listed is not allowed. What is settled stays so."""

WAITING: Final = (OPEN, PROPOSED)


def after(state: str, act: Act) -> Doubt.State:
    """Return the state that follows; raises `DoubtMoved` where the act is not allowed."""
    known = Doubt.State(state)
    try:
        return AFTER_DOUBT[known, act]
    except KeyError:
        raise DoubtMoved(known.label) from None


class Risk(IntegerChoices):
    """What waiting costs."""

    HIGH = 1, "高"
    MEDIUM = 2, "中"
    LOW = 3, "低"


RISKS: Final[tuple[tuple[Doubt.Kind, float, Risk], ...]] = (
    (Doubt.Kind.ONE_NUMBER, float("-inf"), Risk.HIGH),
    (Doubt.Kind.LINKED, float("-inf"), Risk.HIGH),
    (Doubt.Kind.TWO_NUMBERS, 6.5, Risk.MEDIUM),
    (Doubt.Kind.NEWBORN, float("-inf"), Risk.MEDIUM),
    (Doubt.Kind.SIMILAR, 4.0, Risk.MEDIUM),
)
"""(kind, weight in bits from which it holds, risk); the first that fits, else low.

Records of two people under one resident may be read at a bedside: that is the danger. One person under two residents
hides half a history: the likelier, the sooner.
"""


def risk_of(kind: str, weight: float) -> Risk:
    """Return the risk of a doubt."""
    return next((risk for known, least, risk in RISKS if known == kind and weight >= least), Risk.LOW)
