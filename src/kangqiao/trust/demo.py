"""The accounts of a demonstration: one per role, with passwords made for this installation."""

from dataclasses import dataclass
from pathlib import Path

from kangqiao.infra.configuration import write_secret
from kangqiao.trust.actors import Actor
from kangqiao.trust.models import Account
from kangqiao.trust.permissions import INSTITUTION_ROLES, Role
from kangqiao.trust.services import create_account, enable_account, reset_password

FILE = "demo-accounts.txt"


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """One line of the file: what to type, and who that is."""

    username: str
    password: str
    title: str


DEMO: tuple[tuple[str, str, Role], ...] = (
    ("doctor", "李医生", Role.CLINICIAN),
    ("sender", "王数据", Role.SENDER),
    ("data-manager", "赵管理", Role.DATA_MANAGER),
    ("administrator", "陈系统", Role.ADMINISTRATOR),
    ("auditor", "周审计", Role.AUDITOR),
    ("regulator", "杨监管", Role.REGULATOR),
    ("steward", "段主索引", Role.STEWARD),
    ("second-steward", "白复核", Role.STEWARD),
)


def provide_demo_accounts(*, home: Path, institution_id: int, actor: Actor) -> tuple[DemoAccount, ...]:
    """Return the demonstration's accounts, creating them at the first call.

    The clinician and the sender belong to the institution given. Passwords are random, written to
    `<home>/demo-accounts.txt` (mode 0600); when that file is gone, every password is made anew.
    """
    path = home / FILE
    if path.exists():
        lines = path.read_text(encoding="utf-8").splitlines()
        return tuple(DemoAccount(*line.split("\t")) for line in lines)
    accounts = tuple(_provide(username, name, role, institution_id, actor) for username, name, role in DEMO)
    write_secret(path, "".join(f"{each.username}\t{each.password}\t{each.title}\n" for each in accounts))
    return accounts


def _provide(username: str, name: str, role: Role, institution_id: int, actor: Actor) -> DemoAccount:
    known = Account.objects.filter(username=username).first()
    if known:
        enable_account(account_id=known.id, actor=actor)
        password = reset_password(account_id=known.id, actor=actor).password
        Account.objects.filter(id=known.id).update(must_change_password=False)
    else:
        password = create_account(
            username=username,
            display_name=name,
            roles=[role],
            institution_id=institution_id if role in INSTITUTION_ROLES else None,
            actor=actor,
            must_change_password=False,
        ).password
    return DemoAccount(username, password, f"{role.label} {name}")
