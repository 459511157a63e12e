"""The actor: who performs a verb, with what permissions, from where."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import TextChoices

from kangqiao.trust.errors import NotPermitted
from kangqiao.trust.permissions import Permission


class ActorKind(TextChoices):
    """What stands behind an act."""

    ACCOUNT = "account", "账号"
    TOKEN = "token", "接口令牌"
    SYSTEM = "system", "系统"
    ANONYMOUS = "anonymous", "未登录"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """One performer of acts; every verb that changes or shows something takes one.

    `id` is the account's or token's id, None for the system and for strangers. `institution_id` None means the
    whole city. `address` is the network address the request came from.
    """

    kind: ActorKind
    id: UUID | None
    name: str
    institution_id: int | None
    permissions: frozenset[Permission]
    address: str | None = None

    def may(self, permission: Permission) -> bool:
        """Return whether the actor holds the permission."""
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Raise `NotPermitted` unless the actor holds the permission."""
        if permission not in self.permissions:
            raise NotPermitted(f"没有“{permission.label}”的权限。")


def system_actor(name: str) -> Actor:
    """Return the platform itself (a job or an operator's command, named); it may do everything."""
    return Actor(kind=ActorKind.SYSTEM, id=None, name=name, institution_id=None, permissions=frozenset(Permission))


def stranger(address: str | None) -> Actor:
    """Return someone who has not signed in; may do nothing."""
    return Actor(
        kind=ActorKind.ANONYMOUS,
        id=None,
        name=str(ActorKind.ANONYMOUS.label),
        institution_id=None,
        permissions=frozenset(),
        address=address,
    )
