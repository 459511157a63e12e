"""Decisions of trust, without database or clock."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from kangqiao.trust.actors import Actor, ActorKind
from kangqiao.trust.errors import NotPermitted
from kangqiao.trust.permissions import INSTITUTION_ROLES, SEPARATED_ROLES, Role

LOCK_AFTER = 5
LOCK_FOR = timedelta(minutes=15)
USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{2,31}")


@dataclass(frozen=True, slots=True)
class Attempts:
    """Failed sign-ins in a row, and until when the account is locked because of them."""

    failed: int
    locked_until: datetime | None

    def locked_at(self, now: datetime) -> bool:
        """Return whether the lock still holds."""
        return self.locked_until is not None and now < self.locked_until


def count_attempt(attempts: Attempts, *, now: datetime) -> Attempts:
    """Count one attempt before its password is looked at: the fifth in a row locks for 15 minutes.

    An attempt during the lock changes nothing; the first one after it starts a new row.
    """
    if attempts.locked_at(now):
        return attempts
    failed = 1 if attempts.locked_until else attempts.failed + 1
    return Attempts(failed, now + LOCK_FOR if failed >= LOCK_AFTER else None)


def plain_username(text: str) -> str:
    """Return a username as it is stored: full-width characters narrowed, lower case, no spaces around."""
    return unicodedata.normalize("NFKC", text).strip().lower()


def refuse_roles(roles: Iterable[str]) -> str | None:
    """Return why no account can hold these roles together, in Chinese, or None when one can."""
    held = {Role(role) for role in roles}
    if not held:
        return "请至少选择一个角色。"
    if len(held & SEPARATED_ROLES) > 1:
        return "平台数据管理员、系统管理员、安全审计员三权分设，一个账号只能担任其中一个。"
    return None


def refuse_institution(roles: Iterable[str], institution_id: int | None) -> str | None:
    """Return why these roles do not go with this institution (None: the whole city), or None when they do."""
    if institution_id is None and INSTITUTION_ROLES & {Role(role) for role in roles}:
        return "临床医生和机构数据员须指定所属机构。"
    return None


def may_see(actor: Actor, institution_id: int | None) -> bool:
    """Return whether things that belong to this institution are within the actor's scope.

    An actor of one institution sees that institution's batches, receipts and accounts; an actor without one
    sees the whole city. A resident's timeline is not decided here: it spans institutions by purpose.
    """
    if actor.kind == ActorKind.ANONYMOUS:
        return False
    return actor.institution_id is None or actor.institution_id == institution_id


def require_scope(actor: Actor, institution_id: int | None) -> None:
    """Raise `NotPermitted` when the institution lies outside the actor's scope."""
    if not may_see(actor, institution_id):
        raise NotPermitted("这条数据属于其他机构，您的账号只能查看本机构的数据。")
