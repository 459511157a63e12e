"""Who may read whose record, and why. Pure decisions."""

from typing import Final

from kangqiao.trust.actions import Purpose
from kangqiao.trust.actors import Actor
from kangqiao.trust.errors import NotPermitted
from kangqiao.trust.permissions import Permission

PURPOSES: Final = (Purpose.TREATMENT, Purpose.EMERGENCY, Purpose.PUBLIC_HEALTH, Purpose.OWN_REQUEST)
"""The purposes for which a single resident's record is opened; supervision works on figures, not on persons."""


def read_purpose(word: str | None) -> Purpose | None:
    """Return the purpose a word names, None when it names none of `PURPOSES`."""
    return next((purpose for purpose in PURPOSES if purpose.value == word), None)


def require_reading(actor: Actor, purpose: Purpose, permission: Permission = Permission.TIMELINE_READ) -> None:
    """Raise `NotPermitted` unless the actor may read a resident's record for this purpose.

    Every actor with the permission may, who says why. A care relationship (a visit at the actor's institution, a
    signed family doctor) and the resident's consent are decided here once they are kept.
    """
    actor.require(permission)
    if purpose not in PURPOSES:
        raise NotPermitted(f"“{purpose.label}”不能作为调阅个人健康档案的目的。")
