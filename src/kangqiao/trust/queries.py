"""Reading accounts, tokens and the audit log."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from kangqiao.trust.models import Account, AuditEntry, MachineToken
from kangqiao.trust.rules import plain_username

_CLOCK_SLACK = timedelta(minutes=10)
"""Keys are made by the program's clock, `at` by the database's; a search by key allows for the difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """What to look for in the log; None leaves an element open. `since` is included, `until` is not."""

    since: datetime | None = None
    until: datetime | None = None
    actor_id: UUID | None = None
    action: str | None = None
    outcome: str | None = None
    object_id: str | None = None


def audit_entries(wanted: AuditFilter) -> QuerySet[AuditEntry]:
    """Return the entries that fit, newest first; slice them, or page on by key with `id__lt`."""
    found = AuditEntry.objects.order_by("-id")
    if wanted.since:
        found = found.filter(at__gte=wanted.since, id__gte=_first_key(wanted.since - _CLOCK_SLACK))
    if wanted.until:
        found = found.filter(at__lt=wanted.until, id__lt=_first_key(wanted.until + _CLOCK_SLACK))
    if wanted.actor_id:
        found = found.filter(actor_id=wanted.actor_id)
    if wanted.action:
        found = found.filter(action=wanted.action)
    if wanted.outcome:
        found = found.filter(outcome=wanted.outcome)
    if wanted.object_id:
        found = found.filter(_concerns(wanted.object_id))
    return found


def names_of_actors(entries: list[AuditEntry]) -> dict[UUID, str]:
    """Return actor id → name for the accounts and tokens among these entries."""
    return actor_names({entry.actor_id for entry in entries if entry.actor_id})


def actor_names(ids: set[UUID]) -> dict[UUID, str]:
    """Return id → name of the accounts and tokens among these ids."""
    names = dict(Account.objects.filter(id__in=ids).values_list("id", "display_name"))
    return names | dict(MachineToken.objects.filter(id__in=ids).values_list("id", "name"))


def find_accounts(*, text: str = "", role: str = "") -> QuerySet[Account]:
    """Return accounts whose username or display name contains the text, by username."""
    found = Account.objects.order_by("username")
    if text.strip():
        found = found.filter(Q(username__contains=plain_username(text)) | Q(display_name__contains=text.strip()))
    if role:
        found = found.filter(roles__contains=[role])
    return found


def account_choices() -> Iterator[tuple[UUID, str]]:
    """Yield (id, name) of every account, for a choice of actors."""
    yield from Account.objects.order_by("username").values_list("id", "display_name")


def _concerns(object_id: str) -> Q:
    """Return the condition that an entry's object, resident or patient has this id."""
    try:
        uuid = UUID(object_id)
    except ValueError:
        return Q(object_id=object_id)
    return Q(object_id=str(uuid)) | Q(resident_id=uuid) | Q(patient_id=uuid)


def _first_key(moment: datetime) -> UUID:
    """Return the smallest UUID v7 of this millisecond."""
    return UUID(int=(int(moment.timestamp() * 1000) << 80) | (0x7 << 76) | (0x2 << 62))
