"""Decisions about doubts, without database: what may follow what."""

from typing import Final

from django.db.models import TextChoices

from kangqiao.identity.decisions import Doubt
from kangqiao.identity.errors import DoubtMoved


class Act(TextChoices):
    """What can be done with a doubt."""

    SAME = "same", "认定为同一人"
    PROPOSE = "propose", "提议，待复核"
    CONFIRM = "confirm", "复核通过"
    REJECT = "reject", "复核退回"
    APART = "apart", "认定不是同一人"
    LATER = "later", "稍后处理"
    SETTLE = "settle", "疑问已不存在"
    UNDO = "undo", "撤销"


OPEN, PROPOSED, SAME, UNDOING, APART, SETTLED = Doubt.State

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
    (SAME, Act.PROPOSE): UNDOING,
    (UNDOING, Act.CONFIRM): OPEN,
    (UNDOING, Act.REJECT): SAME,
    (UNDOING, Act.SETTLE): SETTLED,
    (APART, Act.UNDO): OPEN,
}
"""(state, act) → state; what is not listed is not allowed. What is settled stays so."""

WAITING: Final = (OPEN, PROPOSED)
"""Nobody has answered yet."""
TO_CONFIRM: Final = (PROPOSED, UNDOING)
"""Somebody has proposed what another person must confirm: to join two, or to take that back."""


def after(state: str, act: Act) -> Doubt.State:
    """Return the state that follows; raises `DoubtMoved` where the act is not allowed."""
    known = Doubt.State(state)
    try:
        return AFTER_DOUBT[known, act]
    except KeyError:
        raise DoubtMoved(known.label) from None
