"""Accounts, tokens and the audit log in a real PostgreSQL; every constraint meets someone who tries to break it."""

import asyncio
import threading
import uuid
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.utils import timezone

from kangqiao.infra.ids import uuid7
from kangqiao.trust.actions import Action, Outcome, Purpose
from kangqiao.trust.actors import ActorKind, system_actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.demo import provide_demo_accounts
from kangqiao.trust.errors import (
    AccountLocked,
    AccountRefused,
    NotPermitted,
    OwnAccount,
    WrongCredentials,
    WrongToken,
)
from kangqiao.trust.models import Account, AuditEntry, MachineToken
from kangqiao.trust.permissions import Permission, Role
from kangqiao.trust.queries import AuditFilter, audit_entries, find_accounts, names_of_actors
from kangqiao.trust.services import (
    TOKEN_SELECT,
    account_actor,
    change_password,
    create_account,
    disable_account,
    enable_account,
    issue_token,
    reset_password,
    revoke_token,
    sign_in,
    token_actor,
    token_digest,
)

OPERATOR = system_actor("test")
PASSWORD = "Feng-qing-2026"


def an_account(username="doctor", role=Role.CLINICIAN, **changes) -> Account:
    values = {
        "username": username,
        "display_name": "李医生",
        "roles": [role],
        "institution_id": 1 if role in (Role.CLINICIAN, Role.SENDER) else None,
        "actor": OPERATOR,
        "password": PASSWORD,
        "must_change_password": False,
    }
    return create_account(**(values | changes)).account


def a_token(**changes):
    values = {
        "institution_id": 1,
        "name": "HIS",
        "permissions": [Permission.FHIR_WRITE],
        "valid_until": timezone.now() + timedelta(days=1),
        "actor": OPERATOR,
    }
    return issue_token(**(values | changes))


def fails(times: int, username="doctor") -> None:
    for _ in range(times):
        with pytest.raises((WrongCredentials, AccountLocked)):
            sign_in(username=username, password="wrong", address=None)


def last_entry() -> AuditEntry:
    return AuditEntry.objects.latest("id")


# -- the database has the last word ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"username": "Doctor"}, "account_username_is_plain"),
        ({"username": "ab"}, "account_username_is_plain"),
        ({"display_name": ""}, "account_has_display_name"),
        ({"roles": []}, "account_has_a_role"),
        ({"roles": ["emperor"]}, "account_roles_are_known"),
        ({"roles": ["administrator", "auditor"]}, "account_separates_administrators"),
        ({"roles": ["data-manager", "auditor"]}, "account_separates_administrators"),
        ({"roles": ["administrator", "data-manager"]}, "account_separates_administrators"),
        ({"roles": ["clinician"], "institution_id": None}, "account_of_institution_names_it"),
        ({"roles": ["sender", "regulator"], "institution_id": None}, "account_of_institution_names_it"),
        ({"failed_attempts": -1}, "account_attempts_count_up"),
    ],
)
def test_the_database_refuses_an_account(database, changes, constraint):
    values = {"username": "somebody", "display_name": "某人", "roles": ["regulator"]} | changes
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Account.objects.create(**values)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"name": ""}, "token_has_name"),
        ({"permissions": []}, "token_has_a_permission"),
        ({"permissions": ["trust:account:manage"]}, "token_permissions_are_for_machines"),
        ({"valid_until": timezone.now() - timedelta(days=1)}, "token_ends_after_it_begins"),
    ],
)
def test_the_database_refuses_a_token(database, changes, constraint):
    values = {
        "institution_id": 1,
        "name": "HIS",
        "permissions": ["fhir:read"],
        "digest": b"0" * 32,
        "valid_until": timezone.now() + timedelta(days=1),
    } | changes
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        MachineToken.objects.create(**values)


def test_two_tokens_never_share_a_digest(database):
    token = a_token().token
    token.id = uuid7()
    with pytest.raises(IntegrityError, match="digest"), transaction.atomic():
        token.save(force_insert=True)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"actor_kind": "robot"}, "audit_actor_has_id"),
        ({"actor_kind": "account"}, "audit_actor_has_id"),
        ({"actor_id": uuid.uuid4()}, "audit_actor_has_id"),
        ({"action": "Looked at something"}, "audit_action_is_a_word"),
        ({"purpose": "curiosity"}, "audit_purpose_is_known"),
        ({"outcome": "perhaps"}, "audit_outcome_is_known"),
    ],
)
def test_the_database_refuses_an_audit_entry(database, changes, constraint):
    values = {"actor_kind": "system", "action": "fhir:read", "outcome": "done"} | changes
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        AuditEntry.objects.create(**values)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trust_auditentry SET outcome = 'done'",
        "DELETE FROM trust_auditentry",
        "TRUNCATE trust_auditentry",
        "INSERT INTO trust_auditentry (id, actor_kind, action, outcome) SELECT id, actor_kind, action, outcome"
        " FROM trust_auditentry ON CONFLICT (id) DO UPDATE SET outcome = 'failed'",
    ],
)
def test_nobody_changes_an_audit_entry(database, statement):
    record_act(actor=OPERATOR, action=Action.FHIR_READ)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        connection.cursor().execute(statement)
    assert AuditEntry.objects.count() == 1


# -- the audit log -----------------------------------------------------------------------------------------------------


def test_an_act_outside_a_transaction_is_not_recorded(committed_database):
    with pytest.raises(RuntimeError, match="transaction"):
        record_act(actor=OPERATOR, action=Action.FHIR_READ)
    assert not AuditEntry.objects.exists()


def test_an_entry_goes_when_its_act_is_rolled_back(committed_database):
    with transaction.atomic():
        record_act(actor=OPERATOR, action=Action.FHIR_READ)
        transaction.set_rollback(True)
    assert not AuditEntry.objects.exists()


def test_an_entry_says_who_did_what_to_whom_why_and_from_where(database):
    account = an_account()
    resident, patient = uuid7(), uuid7()
    record_act(
        actor=account_actor(account, "10.1.2.3"),
        action=Action.TIMELINE_READ,
        resident_id=resident,
        patient_id=patient,
        object_kind="timeline",
        object_id=resident,
        purpose=Purpose.TREATMENT,
        detail={"rows": 12},
    )
    entry = last_entry()
    assert (entry.actor_kind, entry.actor_id, entry.institution_id) == ("account", account.id, 1)
    assert (entry.action, entry.purpose, entry.outcome) == ("records:timeline:read", "treatment", "done")
    assert (entry.resident_id, entry.patient_id, entry.object_id) == (resident, patient, str(resident))
    assert (entry.address, entry.detail) == ("10.1.2.3", {"rows": 12})
    assert timezone.now() - entry.at < timedelta(minutes=1)


def test_the_log_is_found_by_time_actor_action_outcome_and_object(database):
    account = an_account()
    actor, resident = account_actor(account, None), uuid7()
    record_act(actor=actor, action=Action.TIMELINE_READ, resident_id=resident)
    record_act(actor=OPERATOR, action=Action.FHIR_READ, object_kind="Patient", object_id="x1")
    record_act(actor=OPERATOR, action=Action.FHIR_READ, outcome=Outcome.REFUSED)
    now, hour = timezone.now(), timedelta(hours=1)

    def found(**wanted) -> list[str]:
        return [entry.action for entry in audit_entries(AuditFilter(**wanted))]

    assert found() == ["fhir:read", "fhir:read", "records:timeline:read", "trust:account:create"]
    assert found(since=now - hour, until=now + hour) == found()
    assert found(since=now + hour) == found(until=now - hour) == []
    assert found(actor_id=account.id) == ["records:timeline:read"]
    assert found(action="fhir:read", outcome="refused") == ["fhir:read"]
    assert found(object_id=str(resident)) == ["records:timeline:read"]
    assert found(object_id=str(account.id)) == ["trust:account:create"]
    assert found(object_id="x1") == ["fhir:read"]
    assert names_of_actors(list(audit_entries(AuditFilter()))) == {account.id: "李医生"}


def test_a_page_of_the_log_is_a_range_of_its_key(database):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    window = AuditFilter(since=timezone.now() - timedelta(days=1), until=timezone.now())
    plan = audit_entries(window)[:50].explain()
    assert "Index Scan Backward using trust_auditentry_pkey" in plan
    assert "Sort" not in plan


def test_what_happened_to_a_resident_and_what_an_actor_did_have_an_index(database):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
    of_resident = AuditEntry.objects.filter(resident_id=uuid7()).order_by("-id")[:50].explain()
    of_actor = audit_entries(AuditFilter(actor_id=uuid7()))[:50].explain()
    assert "audit_of_resident" in of_resident
    assert "audit_of_actor" in of_actor


# -- accounts ----------------------------------------------------------------------------------------------------------


def test_a_new_account_gets_a_random_password_to_be_changed(database):
    issued = create_account(
        username=" Wang.Wei ",
        display_name="王伟",
        roles=[Role.REGULATOR],
        institution_id=None,
        actor=OPERATOR,
    )
    account = sign_in(username="wang.wei", password=issued.password, address=None)
    assert account.must_change_password
    assert account.permissions == {Permission.SESSION_USE}
    change_password(account=account, old=issued.password, new=PASSWORD, actor=account_actor(account, None))
    assert Permission.BATCH_READ in sign_in(username="wang.wei", password=PASSWORD, address=None).permissions


def test_creating_an_account_is_audited_without_its_password(database):
    account = an_account()
    entry = last_entry()
    assert (entry.action, entry.object_id) == ("trust:account:create", str(account.id))
    assert PASSWORD not in str(entry.__dict__)
    assert account.password not in str(entry.__dict__)


@pytest.mark.parametrize(
    ("changes", "element"),
    [
        ({"username": "a b"}, "username"),
        ({"username": "doctor"}, "username"),
        ({"display_name": "  "}, "display_name"),
        ({"roles": []}, "roles"),
        ({"roles": [Role.AUDITOR, Role.ADMINISTRATOR]}, "roles"),
        ({"institution_id": None}, "institution_id"),
        ({"password": "short"}, "password"),
        ({"password": "Other-doc-2026"}, "password"),
    ],
)
def test_an_account_is_refused_with_the_element_at_fault(database, changes, element):
    an_account()
    with pytest.raises(AccountRefused) as refusal:
        an_account(**({"username": "other"} | changes))
    assert refusal.value.element == element
    assert Account.objects.count() == 1


def test_only_an_administrator_manages_accounts(database):
    doctor = an_account()
    actor = account_actor(doctor, None)
    other = an_account("other")
    for act in (
        lambda: an_account("third", actor=actor),
        lambda: disable_account(account_id=other.id, actor=actor),
        lambda: enable_account(account_id=other.id, actor=actor),
        lambda: reset_password(account_id=other.id, actor=actor),
        lambda: a_token(actor=actor),
        lambda: revoke_token(token_id=uuid7(), actor=actor),
    ):
        with pytest.raises(NotPermitted):
            act()


def test_an_administrator_does_not_disable_or_reset_themselves(database):
    administrator = an_account("root-1", Role.ADMINISTRATOR)
    actor = account_actor(administrator, None)
    for act in (disable_account, enable_account, reset_password):
        with pytest.raises(OwnAccount):
            act(account_id=administrator.id, actor=actor)


def test_a_disabled_account_cannot_sign_in_until_enabled(database):
    account = an_account()
    disable_account(account_id=account.id, actor=OPERATOR)
    with pytest.raises(WrongCredentials):
        sign_in(username="doctor", password=PASSWORD, address=None)
    enable_account(account_id=account.id, actor=OPERATOR)
    assert sign_in(username="doctor", password=PASSWORD, address=None) == account


def test_a_password_reset_ends_the_old_one_and_the_lock(database):
    account = an_account()
    fails(5)
    issued = reset_password(account_id=account.id, actor=OPERATOR)
    with pytest.raises(WrongCredentials):
        sign_in(username="doctor", password=PASSWORD, address=None)
    assert sign_in(username="doctor", password=issued.password, address=None).must_change_password


@pytest.mark.parametrize(
    ("old", "new", "element"),
    [
        ("wrong", "Lin-cang-2027", "old"),
        (PASSWORD, PASSWORD, "new"),
        (PASSWORD, "weak", "new"),
        (PASSWORD, "Doctor-2026-Feng", "new"),
    ],
)
def test_a_password_change_is_refused(database, old, new, element):
    account = an_account()
    with pytest.raises(AccountRefused) as refusal:
        change_password(account=account, old=old, new=new, actor=account_actor(account, None))
    assert refusal.value.element == element


def test_nobody_changes_the_password_of_another(database):
    account, other = an_account(), an_account("other")
    with pytest.raises(NotPermitted):
        change_password(account=account, old=PASSWORD, new="Lin-cang-2027", actor=account_actor(other, None))


def test_accounts_are_found_by_username_name_and_role(database):
    an_account("doctor")
    an_account("keeper", Role.AUDITOR, display_name="周审计")
    assert [a.username for a in find_accounts(text="DOC")] == ["doctor"]
    assert [a.username for a in find_accounts(text="周")] == ["keeper"]
    assert [a.username for a in find_accounts(role="auditor")] == ["keeper"]
    assert find_accounts(text="%").count() == 0


# -- signing in --------------------------------------------------------------------------------------------------------


def test_signing_in_is_audited_with_its_address(database):
    account = an_account()
    sign_in(username="doctor", password=PASSWORD, address="10.9.8.7")
    entry = last_entry()
    assert (entry.action, entry.outcome, entry.actor_id) == ("trust:session:open", "done", account.id)
    assert entry.address == "10.9.8.7"


@pytest.mark.parametrize("username", ["doctor", "nobody", "", "\x00"])
def test_a_wrong_name_and_a_wrong_password_look_the_same_and_are_audited(database, username):
    an_account()
    with pytest.raises(WrongCredentials):
        sign_in(username=username, password="wrong", address=None)
    entry = last_entry()
    assert (entry.action, entry.outcome) == ("trust:session:open", "refused")
    assert entry.actor_kind == ActorKind.ANONYMOUS


def test_the_fifth_failure_locks_even_the_right_password_out(database):
    an_account()
    fails(4)
    with pytest.raises(AccountLocked):
        sign_in(username="doctor", password="wrong", address=None)
    with pytest.raises(AccountLocked):
        sign_in(username="doctor", password=PASSWORD, address=None)


def test_a_success_after_four_failures_starts_the_count_anew(database):
    account = an_account()
    fails(4)
    sign_in(username="doctor", password=PASSWORD, address=None)
    fails(4)
    assert sign_in(username="doctor", password=PASSWORD, address=None) == account


def test_the_fifth_attempt_with_the_right_password_signs_in(database):
    an_account()
    fails(4)
    assert sign_in(username="doctor", password=PASSWORD, address=None).locked_until
    assert Account.objects.get().locked_until is None


def test_the_lock_ends_by_itself(database):
    account = an_account()
    fails(5)
    Account.objects.update(locked_until=timezone.now() - timedelta(seconds=1))
    assert sign_in(username="doctor", password=PASSWORD, address=None) == account


def test_guesses_in_parallel_cannot_outrun_the_lock(committed_database):
    an_account()
    outcomes: list[type] = []

    def guess() -> None:
        try:
            sign_in(username="doctor", password="wrong", address=None)
        except (WrongCredentials, AccountLocked) as error:
            outcomes.append(type(error))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=guess) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(WrongCredentials) == 4
    assert outcomes.count(AccountLocked) == 12
    looked_at = AuditEntry.objects.filter(action="trust:session:open", object_kind="account")
    assert looked_at.count() == 5


def test_a_failed_attempt_stays_counted_although_the_call_raises(committed_database):
    an_account()
    fails(1)
    assert Account.objects.get().failed_attempts == 1
    with pytest.raises(RuntimeError), transaction.atomic():
        sign_in(username="doctor", password="wrong", address=None)


# -- machine tokens ----------------------------------------------------------------------------------------------------


def test_a_token_acts_for_its_institution_with_its_permissions_and_is_kept_as_a_digest(database):
    issued = a_token(institution_id=7, permissions=[Permission.FHIR_READ, Permission.FHIR_WRITE])
    actor = token_actor(issued.plain, "10.0.0.1")
    assert (actor.kind, actor.id, actor.institution_id) == (ActorKind.TOKEN, issued.token.id, 7)
    assert actor.permissions == {Permission.FHIR_READ, Permission.FHIR_WRITE}
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM trust_machinetoken t")
        assert issued.plain not in cursor.fetchone()[0]


def test_a_token_ends_when_it_is_revoked_or_expires(database):
    revoked, expired = a_token(), a_token()
    revoke_token(token_id=revoked.token.id, actor=OPERATOR)
    MachineToken.objects.filter(id=expired.token.id).update(
        created_at=timezone.now() - timedelta(days=2), valid_until=timezone.now() - timedelta(days=1)
    )
    for plain in (revoked.plain, expired.plain, "kq_unknown", ""):
        with pytest.raises(WrongToken):
            token_actor(plain, None)


def test_revoking_twice_is_one_act(database):
    token = a_token().token
    revoke_token(token_id=token.id, actor=OPERATOR)
    revoke_token(token_id=token.id, actor=OPERATOR)
    assert AuditEntry.objects.filter(action="trust:token:revoke").count() == 1


@pytest.mark.parametrize(
    ("changes", "element"),
    [
        ({"name": " "}, "name"),
        ({"permissions": []}, "permissions"),
        ({"permissions": [Permission.AUDIT_READ]}, "permissions"),
        ({"valid_until": timezone.now() - timedelta(days=1)}, "valid_until"),
    ],
)
def test_a_token_is_refused_with_the_element_at_fault(database, changes, element):
    with pytest.raises(AccountRefused) as refusal:
        a_token(**changes)
    assert refusal.value.element == element


def test_the_statement_for_the_gateway_finds_live_tokens_only(committed_database):
    live, revoked = a_token(), a_token()
    revoke_token(token_id=revoked.token.id, actor=OPERATOR)

    async def find(plain: str):
        session = await asyncpg.connect(committed_database)
        row = await session.fetchrow(TOKEN_SELECT, token_digest(plain))
        await session.close()
        return row

    assert asyncio.run(find(live.plain))["id"] == live.token.id
    assert asyncio.run(find(revoked.plain)) is None


# -- the demonstration -------------------------------------------------------------------------------------------------


def test_demo_accounts_sign_in_are_kept_private_and_survive_a_second_start(database, tmp_path: Path):
    first = provide_demo_accounts(home=tmp_path, institution_id=1, actor=OPERATOR)
    assert {Account.objects.get(username=each.username).roles[0] for each in first} == set(Role)
    assert len({each.password for each in first}) == len(first)
    for each in first:
        assert not sign_in(username=each.username, password=each.password, address=None).must_change_password
    assert (tmp_path / "demo-accounts.txt").stat().st_mode & 0o777 == 0o600
    assert provide_demo_accounts(home=tmp_path, institution_id=1, actor=OPERATOR) == first


def test_demo_passwords_are_made_anew_when_their_file_is_gone(database, tmp_path: Path):
    first = provide_demo_accounts(home=tmp_path, institution_id=1, actor=OPERATOR)
    (tmp_path / "demo-accounts.txt").unlink()
    second = provide_demo_accounts(home=tmp_path, institution_id=1, actor=OPERATOR)
    assert [each.username for each in first] == [each.username for each in second]
    assert sign_in(username=second[0].username, password=second[0].password, address=None)
    with pytest.raises(WrongCredentials):
        sign_in(username=first[0].username, password=first[0].password, address=None)
