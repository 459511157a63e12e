"""The verbs of trust. Each one that changes something takes the actor and writes the audit entry with the change."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from kangqiao.trust.actions import Action, Outcome
from kangqiao.trust.actors import Actor, ActorKind, stranger
from kangqiao.trust.audit import record_act
from kangqiao.trust.errors import (
    AccountLocked,
    AccountRefused,
    NotPermitted,
    OwnAccount,
    WrongCredentials,
    WrongToken,
)
from kangqiao.trust.models import Account, MachineToken
from kangqiao.trust.passwords import generate_password
from kangqiao.trust.permissions import MACHINE_PERMISSIONS, Permission, Role
from kangqiao.trust.rules import USERNAME, Attempts, count_attempt, plain_username, refuse_institution, refuse_roles

TOKEN_PREFIX = "kq_"
TOKEN_SELECT = """
SELECT id, name, institution_id, permissions FROM trust_machinetoken
 WHERE digest = $1 AND revoked_at IS NULL AND valid_until > now()
"""
"""One live token by its digest (numbered parameter, as asyncpg takes it)."""


@dataclass(frozen=True, slots=True)
class IssuedPassword:
    """An account with the password made for it, which is shown once and kept nowhere."""

    account: Account
    password: str


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A machine token with its plain text, which is shown once and kept nowhere."""

    token: MachineToken
    plain: str


# -- accounts --------------------------------------------------------------------------------------------------------


def create_account(
    *,
    username: str,
    display_name: str,
    roles: Collection[str],
    institution_id: int | None,
    actor: Actor,
    password: str | None = None,
    must_change_password: bool = True,
) -> IssuedPassword:
    """Create an account and return it with its password, a random one when none is given.

    Raises `AccountRefused` with the element at fault, `NotPermitted` without `trust:account:manage`.
    """
    actor.require(Permission.ACCOUNT_MANAGE)
    account = Account(
        username=plain_username(username),
        display_name=display_name.strip(),
        roles=sorted({Role(role).value for role in roles}),
        institution_id=institution_id,
        must_change_password=must_change_password,
    )
    _check_account(account)
    password = password or generate_password()
    _set_password(account, password)
    try:
        with transaction.atomic():
            account.save(force_insert=True)
            record_act(
                actor=actor,
                action=Action.ACCOUNT_CREATE,
                object_kind="account",
                object_id=account.id,
                detail={"roles": account.roles, "institution_id": institution_id},
            )
    except IntegrityError as error:
        if _constraint(error) == "trust_account_username_key":
            raise AccountRefused("username", "这个账号名已被使用，请换一个。") from error
        raise
    return IssuedPassword(account, password)


def disable_account(*, account_id: UUID, actor: Actor) -> None:
    """Keep the account from signing in; its open sessions end with their next request."""
    with transaction.atomic():
        account = _managed(account_id, actor)
        account.is_active = False
        account.save(update_fields=["is_active"])
        record_act(actor=actor, action=Action.ACCOUNT_DISABLE, object_kind="account", object_id=account_id)


def enable_account(*, account_id: UUID, actor: Actor) -> None:
    """Let the account sign in again, and end a lock."""
    with transaction.atomic():
        account = _managed(account_id, actor)
        account.is_active, account.failed_attempts, account.locked_until = True, 0, None
        account.save(update_fields=["is_active", "failed_attempts", "locked_until"])
        record_act(actor=actor, action=Action.ACCOUNT_ENABLE, object_kind="account", object_id=account_id)


def reset_password(*, account_id: UUID, actor: Actor) -> IssuedPassword:
    """Give the account a new random password, to be changed at the next sign-in; ends a lock and open sessions."""
    password = generate_password()
    hashed = make_password(password)
    with transaction.atomic():
        account = _managed(account_id, actor)
        account.password, account.must_change_password = hashed, True
        account.failed_attempts, account.locked_until = 0, None
        account.save(update_fields=["password", "must_change_password", "failed_attempts", "locked_until"])
        record_act(actor=actor, action=Action.PASSWORD_RESET, object_kind="account", object_id=account_id)
    return IssuedPassword(account, password)


def change_password(*, account: Account, old: str, new: str, actor: Actor) -> None:
    """Change one's own password; other open sessions of the account end.

    Raises `NotPermitted` for another's account, `AccountRefused` when the old password is wrong or the new weak.
    """
    if actor.kind != ActorKind.ACCOUNT or actor.id != account.id:
        raise NotPermitted("只能修改自己的密码。")
    if not account.check_password(old):
        raise AccountRefused("old", "当前密码不正确。")
    if old == new:
        raise AccountRefused("new", "新密码不能与当前密码相同。")
    _set_password(account, new, element="new")
    account.must_change_password = False
    with transaction.atomic():
        account.save(update_fields=["password", "must_change_password"])
        record_act(actor=actor, action=Action.PASSWORD_CHANGE, object_kind="account", object_id=account.id)


# -- signing in ------------------------------------------------------------------------------------------------------


def sign_in(*, username: str, password: str, address: str | None) -> Account:
    """Return the account when name and password fit; count the attempt before looking, so that guesses in
    parallel cannot outrun the lock.

    Opens transactions of its own (a failed attempt must stay counted) and refuses to run inside another one.
    Raises `WrongCredentials` or `AccountLocked`.
    """
    with transaction.atomic(durable=True):
        account = _counted(plain_username(username), address)
    if account is None:
        make_password(password)  # a stranger's name takes as long as a known one
        raise WrongCredentials
    fits = account.check_password(password)
    with transaction.atomic(durable=True):
        if fits:
            Account.objects.filter(id=account.id).update(failed_attempts=0, locked_until=None)
        record_act(
            actor=account_actor(account, address) if fits else stranger(address),
            action=Action.SESSION_OPEN,
            object_kind="account",
            object_id=account.id,
            outcome=Outcome.DONE if fits else Outcome.REFUSED,
        )
    if fits:
        return account
    if account.locked_until:
        raise AccountLocked(account.locked_until, timezone.now())
    raise WrongCredentials


def record_sign_out(*, actor: Actor) -> None:
    """Write down that the actor left."""
    with transaction.atomic():
        record_act(actor=actor, action=Action.SESSION_CLOSE, object_kind="account", object_id=actor.id)


def account_actor(account: Account, address: str | None) -> Actor:
    """Return the actor an account is."""
    return Actor(
        kind=ActorKind.ACCOUNT,
        id=account.id,
        name=account.display_name,
        institution_id=account.institution_id,
        permissions=account.permissions,
        address=address,
    )


# -- machine tokens --------------------------------------------------------------------------------------------------


def issue_token(
    *, institution_id: int, name: str, permissions: Collection[str], valid_until: datetime, actor: Actor
) -> IssuedToken:
    """Issue a token for one institution's systems and return it with its plain text.

    Raises `AccountRefused` with the element at fault, `NotPermitted` without `trust:account:manage`.
    """
    actor.require(Permission.ACCOUNT_MANAGE)
    held = sorted({Permission(word).value for word in permissions})
    if not name.strip():
        raise AccountRefused("name", "请填写令牌名称，例如“人民医院 HIS 接口”。")
    if not held or not MACHINE_PERMISSIONS.issuperset(held):
        raise AccountRefused("permissions", "请至少选择一项接口权限。")
    if valid_until <= timezone.now():
        raise AccountRefused("valid_until", "有效期须晚于现在。")
    plain = TOKEN_PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        token = MachineToken.objects.create(
            institution_id=institution_id,
            name=name.strip(),
            permissions=held,
            digest=token_digest(plain),
            created_by_id=actor.id if actor.kind == ActorKind.ACCOUNT else None,
            valid_until=valid_until,
        )
        record_act(
            actor=actor,
            action=Action.TOKEN_ISSUE,
            object_kind="token",
            object_id=token.id,
            detail={"institution_id": institution_id, "permissions": held},
        )
    return IssuedToken(token, plain)


def revoke_token(*, token_id: UUID, actor: Actor) -> None:
    """End a token at once. A revoked one stays as it is."""
    actor.require(Permission.ACCOUNT_MANAGE)
    with transaction.atomic():
        revoked = MachineToken.objects.filter(id=token_id, revoked_at=None).update(revoked_at=timezone.now())
        if revoked:
            record_act(actor=actor, action=Action.TOKEN_REVOKE, object_kind="token", object_id=token_id)


def token_digest(plain: str) -> bytes:
    """Return the SHA-256 that is kept of a token: it has 256 random bits, so a plain digest cannot be reversed."""
    return hashlib.sha256(plain.encode()).digest()


def token_actor(plain: str, address: str | None) -> Actor:
    """Return the actor behind a token. Raises `WrongToken` when it is unknown, expired or revoked."""
    token = MachineToken.objects.filter(
        digest=token_digest(plain), revoked_at=None, valid_until__gt=timezone.now()
    ).first()
    if token is None:
        raise WrongToken
    return Actor(
        kind=ActorKind.TOKEN,
        id=token.id,
        name=token.name,
        institution_id=token.institution_id,
        permissions=frozenset(Permission(word) for word in token.permissions),
        address=address,
    )


# -- within ----------------------------------------------------------------------------------------------------------


def _counted(username: str, address: str | None) -> Account | None:
    """Return the active account with this attempt counted, None for a stranger's name; refuse a locked one."""
    known = Account.objects.select_for_update().filter(username=username, is_active=True)
    account = known.first() if USERNAME.fullmatch(username) else None
    if account is None:
        record_act(actor=stranger(address), action=Action.SESSION_OPEN, outcome=Outcome.REFUSED)
        return None
    now = timezone.now()
    before = Attempts(account.failed_attempts, account.locked_until)
    if before.locked_until and before.locked_at(now):
        raise AccountLocked(before.locked_until, now)
    after = count_attempt(before, now=now)
    account.failed_attempts, account.locked_until = after.failed, after.locked_until
    account.save(update_fields=["failed_attempts", "locked_until"])
    return account


def _check_account(account: Account) -> None:
    faults = {
        "username": None
        if USERNAME.fullmatch(account.username)
        else "账号名为 3–32 个小写字母、数字、点、横线或下划线，以字母或数字开头。",
        "display_name": None if account.display_name else "请填写姓名。",
        "roles": refuse_roles(account.roles),
        "institution_id": refuse_institution(account.roles, account.institution_id),
    }
    for element, message in faults.items():
        if message:
            raise AccountRefused(element, message)


def _set_password(account: Account, password: str, *, element: str = "password") -> None:
    try:
        validate_password(password, account)
    except ValidationError as error:
        raise AccountRefused(element, "".join(error.messages)) from error
    account.set_password(password)


def _managed(account_id: UUID, actor: Actor) -> Account:
    actor.require(Permission.ACCOUNT_MANAGE)
    if actor.id == account_id:
        raise OwnAccount
    return Account.objects.select_for_update().get(id=account_id)


def _constraint(error: IntegrityError) -> str | None:
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
