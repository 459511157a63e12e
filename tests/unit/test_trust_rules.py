"""Decisions of trust, as tables a clerk could read."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError

from kangqiao.trust.actors import Actor, ActorKind, stranger, system_actor
from kangqiao.trust.errors import AccountLocked, NotPermitted
from kangqiao.trust.masking import masked_address, masked_name, masked_number
from kangqiao.trust.passwords import FourClassPassword, generate_password
from kangqiao.trust.permissions import (
    MACHINE_PERMISSIONS,
    PERMISSIONS_OF,
    SEPARATED_ROLES,
    Permission,
    Role,
    permissions_of,
)
from kangqiao.trust.rules import (
    LOCK_FOR,
    Attempts,
    count_attempt,
    may_see,
    plain_username,
    refuse_institution,
    refuse_roles,
    require_scope,
)

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


def of_institution(institution_id: int | None) -> Actor:
    return Actor(kind=ActorKind.ACCOUNT, id=None, name="王", institution_id=institution_id, permissions=frozenset())


def test_every_role_may_sign_in_and_no_role_may_do_everything():
    assert set(PERMISSIONS_OF) == set(Role)
    for permissions in PERMISSIONS_OF.values():
        assert Permission.SESSION_USE in permissions
        assert permissions < set(Permission)


@pytest.mark.parametrize(
    ("permission", "roles"),
    [
        (Permission.ACCOUNT_MANAGE, {Role.ADMINISTRATOR}),
        (Permission.AUDIT_READ, {Role.AUDITOR}),
        (Permission.REGISTRY_IMPORT, {Role.DATA_MANAGER}),
        (Permission.TIMELINE_READ, {Role.CLINICIAN}),
        (Permission.RESIDENT_FIND, {Role.CLINICIAN, Role.STEWARD}),
        (Permission.IDENTITY_DECIDE, {Role.STEWARD}),
        (Permission.IDENTITY_MATCH, set()),
        (Permission.SOURCE_READ, {Role.CLINICIAN}),
        (Permission.BATCH_SUBMIT, {Role.SENDER, Role.DATA_MANAGER}),
        (Permission.FHIR_WRITE, set()),
    ],
)
def test_a_sensitive_permission_belongs_to_these_roles_only(permission, roles):
    assert {role for role in Role if permission in PERMISSIONS_OF[role]} == roles


def test_separated_administrators_share_nothing_but_what_everyone_may_and_looking_at_institutions():
    shared = {Permission.SESSION_USE, Permission.INSTITUTION_READ}
    for one in SEPARATED_ROLES:
        for other in SEPARATED_ROLES - {one}:
            assert PERMISSIONS_OF[one] & PERMISSIONS_OF[other] <= shared


def test_machines_neither_manage_accounts_nor_read_the_audit_log():
    assert not MACHINE_PERMISSIONS & {Permission.ACCOUNT_MANAGE, Permission.AUDIT_READ, Permission.SESSION_USE}


def test_several_roles_add_up():
    assert permissions_of(["clinician", "auditor"]) == (PERMISSIONS_OF[Role.CLINICIAN] | PERMISSIONS_OF[Role.AUDITOR])


@pytest.mark.parametrize(
    ("before", "failed", "locked"),
    [
        (Attempts(0, None), 1, None),
        (Attempts(3, None), 4, None),
        (Attempts(4, None), 5, NOON + LOCK_FOR),
        (Attempts(5, NOON + timedelta(seconds=1)), 5, NOON + timedelta(seconds=1)),
        (Attempts(5, NOON), 1, None),
        (Attempts(5, NOON - timedelta(days=1)), 1, None),
    ],
)
def test_the_fifth_attempt_in_a_row_locks_and_the_first_after_a_lock_starts_anew(before, failed, locked):
    assert count_attempt(before, now=NOON) == Attempts(failed, locked)


def test_a_lock_names_the_minutes_left_rounded_up():
    assert "1 分钟后" in str(AccountLocked(NOON + timedelta(seconds=5), NOON))
    assert "15 分钟后" in str(AccountLocked(NOON + timedelta(minutes=14, seconds=1), NOON))


@pytest.mark.parametrize(
    ("roles", "institution_id", "roles_fit", "institution_fits"),
    [
        (["clinician"], 1, True, True),
        (["clinician"], None, True, False),
        (["sender"], None, True, False),
        (["clinician", "sender"], 7, True, True),
        (["regulator"], None, True, True),
        (["auditor"], None, True, True),
        (["auditor", "administrator"], None, False, True),
        (["data-manager", "auditor"], None, False, True),
        (["data-manager", "administrator"], None, False, True),
        (["auditor", "clinician"], 1, True, True),
        ([], None, False, True),
    ],
)
def test_roles_of_an_account(roles, institution_id, roles_fit, institution_fits):
    assert (refuse_roles(roles) is None) == roles_fit
    assert (refuse_institution(roles, institution_id) is None) == institution_fits


@pytest.mark.parametrize(
    ("actor", "institution_id", "sees"),
    [
        (of_institution(3), 3, True),
        (of_institution(3), 4, False),
        (of_institution(3), None, False),
        (of_institution(None), 4, True),
        (system_actor("worker"), 4, True),
        (stranger("10.0.0.1"), 4, False),
        (stranger("10.0.0.1"), None, False),
    ],
)
def test_an_institution_sees_its_own_the_city_sees_all_a_stranger_nothing(actor, institution_id, sees):
    assert may_see(actor, institution_id) == sees
    if not sees:
        with pytest.raises(NotPermitted):
            require_scope(actor, institution_id)


def test_an_actor_without_the_permission_is_refused_in_chinese():
    with pytest.raises(NotPermitted, match="查看审计日志"):
        stranger(None).require(Permission.AUDIT_READ)
    system_actor("worker").require(Permission.AUDIT_READ)


@pytest.mark.parametrize(("typed", "stored"), [(" Doctor ", "doctor"), ("LI.wei", "li.wei"), ("ABC", "abc")])
def test_a_username_is_stored_plain(typed, stored):
    assert plain_username(typed) == stored


@pytest.mark.parametrize(
    ("password", "accepted"),
    [
        ("Abcd-efgh-1234", True),
        ("abcdefgh-1234", True),
        ("abcdefgh12345", False),
        ("Ab-12", False),
        ("ABCDEFGHIJKL", False),
        ("Lincang-1-Doctor", False),
    ],
)
def test_a_password_has_twelve_signs_of_three_kinds_without_the_username(password, accepted):
    account = type("Named", (), {"username": "doctor"})()
    if accepted:
        FourClassPassword().validate(password, account)
    else:
        with pytest.raises(ValidationError):
            FourClassPassword().validate(password, account)


def test_a_generated_password_is_strong_and_never_the_same():
    passwords = {generate_password() for _ in range(100)}
    assert len(passwords) == 100
    for password in passwords:
        FourClassPassword().validate(password)


@pytest.mark.parametrize(
    ("name", "masked"), [("", ""), ("李", "李"), ("李雷", "李*"), ("欧阳雨", "欧*雨"), ("阿卜杜拉", "阿**拉")]
)
def test_a_masked_name_keeps_its_ends(name, masked):
    assert masked_name(name) == masked


@pytest.mark.parametrize(
    ("number", "masked"),
    [("533521199003071234", "533***********1234"), ("13988312345", "139****2345"), ("1234", "****")],
)
def test_a_masked_number_keeps_three_and_four(number, masked):
    assert masked_number(number) == masked


def test_a_masked_address_ends_with_the_township():
    assert masked_address("云南省临沧市凤庆县") == "云南省临沧市凤庆县"
    assert masked_address("云南省临沧市凤庆县凤山镇东城社区 8 号") == "云南省临沧市凤庆县****"
