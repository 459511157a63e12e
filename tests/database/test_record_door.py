"""The JSON door of the record view, asked as a hospital's system asks: tokens, purposes, pages, audit."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import doors
from kangqiao.gateway import records
from kangqiao.gateway.app import answers
from kangqiao.identity.models import Resident
from kangqiao.infra.ids import uuid7
from kangqiao.records.medical_record.models import Charge, Diagnosis
from kangqiao.records.timeline import Wanted
from kangqiao.trust.actions import Action
from kangqiao.trust.models import AuditEntry
from people import NAMES, citizen_number, make_institution, moment, register, resident_of, write

PURPOSE = "purpose=treatment"


Ask = Callable[..., doors.Answer]


@pytest.fixture
def resident(committed_database: str) -> UUID:
    """A person with three rows at two hospitals."""
    key = citizen_number()
    first, second = (register(make_institution(NAMES[n], f"53090000{n}"), f"P{n}", key=key) for n in (0, 1))
    write(Diagnosis, first, moment("2026-03-01 08:30"), role="1", code="I10.x00", code_name="高血压病")
    write(Charge, second, moment("2026-03-02 09:00"), total=12)
    write(Diagnosis, first, moment("2026-03-03 08:30"), role="1", code_name="误写", voided=True)
    return resident_of(first)


@pytest.fixture
def ask(committed_database: str, tmp_path: Path) -> Ask:
    """Send one request to a gateway of this database, with a token that may read timelines or as told."""

    def send(
        path: str, *, method: str = "GET", permission: str | None = "records:timeline:read", **headers: str
    ) -> doors.Answer:
        if permission:
            headers["authorization"] = f"Bearer {doors.token(permission)}"
        return doors.ask(committed_database, tmp_path, method=method, target=path, headers=headers)

    return send


def place(resident: UUID, query: str = PURPOSE) -> str:
    return f"/api/records/residents/{resident}/timeline?{query}"


def read() -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action=Action.TIMELINE_READ))


def test_the_door_is_the_gateways(resident):
    assert answers(place(resident).partition("?")[0])
    assert not answers(f"/records/residents/{resident}")


def test_the_newest_rows_come_first_with_their_words_and_places(resident, ask):
    answer = ask(place(resident))
    assert answer.status == 200
    assert answer.content["resident"] == str(resident)
    newest, oldest = answer.content["items"]
    assert (newest["kind"], newest["title"], newest["headline"]) == ("charge", "费用", "总费用 12.00 元")
    assert newest["institution"]["name"] == NAMES[1]
    assert oldest["occurred_at"] == "2026-03-01T08:30:00+08:00"
    assert oldest["headline"] == "主要诊断 高血压病 I10.x00"
    assert answer.content["next"] is None
    assert "no-store" in answer.headers["cache-control"]


def test_pages_and_choices_are_those_of_the_page(resident, ask):
    first = ask(place(resident, f"{PURPOSE}&size=1&voided=1")).content
    assert [item["voided"] for item in first["items"]] == [True]
    second = ask(place(resident, f"{PURPOSE}&size=1&before={first['next']}")).content
    assert [item["kind"] for item in second["items"]] == ["charge"]
    assert [item["kind"] for item in ask(place(resident, f"{PURPOSE}&kinds=diagnosis")).content["items"]] == [
        "diagnosis"
    ]


def test_the_reading_is_written_down_with_token_purpose_and_address(resident, ask):
    ask(place(resident, ""), x_purpose="emergency")
    (entry,) = read()
    assert (entry.actor_kind, entry.institution_id, entry.resident_id) == ("token", 1, resident)
    assert (entry.purpose, entry.outcome, entry.address) == ("emergency", "done", "10.1.2.3")
    assert entry.detail == {"part": "timeline"}


@pytest.mark.parametrize("query", ["", "purpose=curiosity", "purpose=supervision"])
def test_without_a_purpose_nothing_is_read(resident, ask, query):
    answer = ask(place(resident, query))
    assert answer.status == 400
    assert "treatment（诊疗）" in answer.content["message"]
    assert read() == []


@pytest.mark.parametrize(("permission", "status"), [(None, 401), ("fhir:read", 403)])
def test_without_the_permission_nothing_is_read(resident, ask, permission, status):
    answer = ask(place(resident), permission=permission)
    assert answer.status == status
    assert "items" not in answer.content
    assert read() == []


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        ("/timeline?purpose=treatment&size=9999", 400),
        ("/timeline?purpose=treatment&kinds=nothing", 400),
        ("/everything?purpose=treatment", 404),
    ],
)
def test_what_cannot_be_understood_is_refused_in_chinese(resident, ask, rest, status):
    answer = ask(f"/api/records/residents/{resident}{rest}")
    assert answer.status == status
    assert answer.content["message"]


def test_only_reading_is_offered(resident, ask):
    assert ask(place(resident), method="POST").status == 405


def test_an_unknown_resident_is_not_found_and_the_attempt_is_written_down(resident, ask):
    nobody = uuid7()
    assert ask(place(nobody)).status == 404
    assert ask("/api/records/residents/7/timeline?purpose=treatment").status == 404
    assert [(entry.resident_id, entry.outcome) for entry in read()] == [(nobody, "failed")]


def test_a_merged_resident_is_found_elsewhere(resident, ask):
    gone = Resident.objects.create(state="merged", merged_into_id=resident)
    answer = ask(place(gone.id))
    assert answer.status == 308
    assert answer.headers["location"] == f"/api/records/residents/{resident}/timeline"


def test_a_resident_without_rows_has_an_empty_timeline(committed_database, ask):
    alone = resident_of(register(make_institution(), "P1", key=citizen_number()))
    assert ask(place(alone)).content == {"resident": str(alone), "items": [], "next": None}


def test_the_statement_is_planned_once_per_connection(resident, committed_database):
    async def kept() -> int:
        door = await records.open_door(committed_database)
        for _ in range(2):
            await door._fetch(records._READ, *Wanted().arguments(resident), *_nobody())
        count = await door._pool.fetchval(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement = $1", records._READ
        )
        await door.close()
        return count

    assert asyncio.run(kept()) == 1


def _nobody() -> tuple[Any, ...]:
    return uuid7(), "system", None, None, "treatment", None
