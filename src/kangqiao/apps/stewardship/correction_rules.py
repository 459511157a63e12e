"""What may follow what with a request for correction."""

from typing import Final

from django.db.models import TextChoices

from kangqiao.apps.stewardship.errors import CorrectionMoved
from kangqiao.apps.stewardship.models import CorrectionRequest


class Act(TextChoices):
    """What can be done with a request."""

    ACCEPT = "accept", "同意更正"
    REFUSE = "refuse", "不予更正"
    WITHDRAW = "withdraw", "撤回"
    TELL = "tell", "通知机构"


FILED, ACCEPTED, TOLD, REFUSED, WITHDRAWN = CorrectionRequest.State

AFTER_CORRECTION: Final[dict[tuple[CorrectionRequest.State, Act], CorrectionRequest.State]] = {
    (FILED, Act.ACCEPT): ACCEPTED,
    (FILED, Act.REFUSE): REFUSED,
    (FILED, Act.WITHDRAW): WITHDRAWN,
    (ACCEPTED, Act.TELL): TOLD,
}
"""(state, act) → state; what is not listed is not allowed."""


def after(state: str, act: Act) -> CorrectionRequest.State:
    """Return the state that follows; raises `CorrectionMoved` where the act is not allowed."""
    known = CorrectionRequest.State(state)
    try:
        return AFTER_CORRECTION[known, act]
    except KeyError:
        raise CorrectionMoved(known.label) from None


def allowed(state: str) -> list[Act]:
    """Return the acts a state allows."""
    return [act for known, act in AFTER_CORRECTION if known == state]
