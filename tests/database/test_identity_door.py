"""The JSON door of the master index, asked as a hospital's system asks: register, match, numbers, search, changes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import doors
from kangqiao.gateway.app import answers
from kangqiao.identity.deciding import undo_decision
from kangqiao.identity.linkage.model import content_of
from kangqiao.identity.model_versions import default_model, import_model
from kangqiao.identity.models import Decision, Link, LinkageModel, Patient
from kangqiao.trust.actors import system_actor
from kangqiao.trust.models import AuditEntry
from matching_people import ORDINARY

Ask = Callable[..., doors.Answer]
LU = {
    "local_number": "A1",
    "name": ORDINARY["name"],
    "sex": "2",
    "birth_date": "1987-03-14",
    "document_type": "01",
    "document_number": ORDINARY["key_number"],
    "phone": ORDINARY["phone"],
    "division": ORDINARY["division"],
    "health_card": "530900000017",
    "insurance_number": "53090000000017",
    "document_issuer": "凤庆县公安局",
    "document_valid_until": "2046-05-01",
}
WITHOUT_NUMBER = {word: LU[word] for word in ("name", "sex", "birth_date", "phone", "division")} | {
    "local_number": "B1"
}


@pytest.fixture
def ask(committed_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Send one request with a token that may match, of institution 1 or as told."""

    monkeypatch.delenv("DJANGO_ALLOW_ASYNC_UNSAFE")

    def send(path: str, body: Any = None, *, institution: int = 1, permission: str = "identity:match") -> Any:
        headers = {"authorization": f"Bearer {doors.token(permission, institution_id=institution)}"}
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        method = "GET" if body is None else "POST"
        return doors.ask(
            committed_database,
            tmp_path,
            method=method,
            target=f"/api/identity/{path}",
            headers=headers,
            body=content,
        )

    return send


def test_with_the_model_of_another_version_the_door_asks_for_patience(ask: Ask) -> None:
    LinkageModel.objects.create(version="before", content={"format": 1}, crowds=b"", patients=0)
    refused = ask("patients", LU)
    assert (refused.status, refused.content["error"]) == (503, "transient")
    assert not Patient.objects.exists()


def test_the_door_is_the_gateways() -> None:
    assert answers("/api/identity/match")


def test_from_registration_to_search_and_the_changes_that_follow(ask: Ask) -> None:
    first = ask("patients", LU)
    assert (first.status, first.content["state"], first.content["created"]) == (201, "confirmed", True)
    second = ask("patients", WITHOUT_NUMBER, institution=2)
    assert (second.status, second.content["resident"], second.content["joined"]) == (201, first.content["resident"], 1)
    again = ask("patients", WITHOUT_NUMBER, institution=2)
    assert (again.status, again.content["created"], again.content["changed"]) == (200, False, False)
    _tells_who_it_may_be(ask, first.content["resident"])
    _knows_all_numbers(ask, first.content["resident"])
    _follows_changes(ask, second.content["patient"])
    actions = set(AuditEntry.objects.exclude(action__startswith="trust:").values_list("action", flat=True))
    assert {"identity:patient:register", "identity:resident:match", "identity:resident:find"} <= actions


def test_requests_at_the_same_time_are_answered_each_with_its_own(
    committed_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DJANGO_ALLOW_ASYNC_UNSAFE")
    headers = {"authorization": f"Bearer {doors.token('identity:match')}"}
    told = [LU, *({**WITHOUT_NUMBER, "local_number": f"C{place}"} for place in range(11)), {"local_number": " "}]
    told += [{"local_number": "C20", "name": "鲁\0文"}, {"local_number": "C21", "name": "赵国强"}]
    bodies = [json.dumps(each).encode() for each in told]
    answers = doors.post_together(
        committed_database, tmp_path, target="/api/identity/patients", headers=headers, bodies=bodies
    )
    assert [each.status for each in answers] == [201] * 12 + [400, 400, 201]
    one_person = {each.content["patient"] for each in answers[:12]}
    assert len(one_person) == 12
    held = Link.objects.filter(undone_at=None).values_list("patient_id", "resident_id")
    assert len({resident for patient, resident in held if str(patient) in one_person}) == 1
    assert len({resident for _, resident in held}) == 2


def _tells_who_it_may_be(ask: Ask, resident: str) -> None:
    """With a model of the city's own, too, whatever thread explains it."""
    import_model(content=content_of(default_model()) | {"version": "本市"}, actor=system_actor("test"))
    described = {word: value for word, value in WITHOUT_NUMBER.items() if word != "local_number"}
    found = ask("match", described).content["candidates"]
    assert found[0]["resident"] == resident
    assert found[0]["probability"] > 0.9
    assert sum(step["weight"] for step in found[0]["steps"]) == pytest.approx(found[0]["weight"], abs=0.1)


def _knows_all_numbers(ask: Ask, resident: str) -> None:
    by_number = ask("identifiers", {"institution": 2, "local_number": "B1"})
    by_document = ask("identifiers", {"document_type": "01", "document_number": LU["document_number"]})
    by_resident = ask(f"residents/{resident}/identifiers")
    by_insurance = ask("identifiers", {"insurance_number": LU["insurance_number"]})
    assert by_number.content == by_document.content == by_resident.content == by_insurance.content
    card = {word: by_number.content["documents"][0][word] for word in ("issuer", "valid_until", "institutions")}
    assert card == {"issuer": "凤庆县公安局", "valid_until": "2046-05-01", "institutions": [1]}
    assert [each["number"] for each in by_number.content["health_cards"]] == [LU["health_card"]]
    assert by_number.content["archive_numbers"] == []
    assert [each["local_number"] for each in by_number.content["local_numbers"]] == ["A1", "B1"]
    assert "no-store" in by_number.headers["cache-control"]
    page = ask("search", {"name": "鲁文", "birth_year": 1987})
    assert [each["resident"] for each in page.content["people"]] == [resident]
    assert page.content["next"] is None


def _follows_changes(ask: Ask, patient: str) -> None:
    told = ask("changes")
    assert [(each["kind"], each["other"], each["taken_back"]) for each in told.content["changes"]] == [
        ("match", patient, False)
    ]
    assert "name" not in json.dumps(told.content)
    undo_decision(decision_id=Decision.objects.get().id, reason="误并", actor=system_actor("test"))
    next_ones = ask(f"changes?after={told.content['next']}").content["changes"]
    assert sorted((each["kind"], each["taken_back"]) for each in next_ones) == [("apart", False), ("match", True)]


def test_a_number_of_several_residents_is_answered_with_all_of_them(ask: Ask) -> None:
    one = ask("patients", LU)
    other = {"name": "赵国强", "sex": "1", "birth_date": "1960-07-01", "local_number": "B2"}
    another = ask("patients", other | {"health_card": LU["health_card"]}, institution=2)
    answer = ask("identifiers", {"health_card": LU["health_card"]})
    assert (answer.status, answer.content["error"]) == (409, "multiple-matches")
    assert answer.content["residents"] == sorted(each.content["resident"] for each in (one, another))


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("patients", b"not JSON", 400, "请求内容应为 JSON"),
        ("patients", {"name": "鲁文英"}, 400, "缺少必填字段 local_number"),
        ("patients", LU | {"sex": "F"}, 400, "字段 sex 的内容不符合接口文档"),
        ("patients", LU | {"birth_date": "2087-03-14"}, 400, "birth_date 应在 1880-01-01 和今天之间"),
        ("patients", LU | {"weight": 50}, 400, "有接口文档之外的字段，请核对字段名"),
        ("match", {"sex": "1"}, 400, "信息太少，无法比对：请提供证件号码，或姓名和出生日期。"),
        ("identifiers", {"institution": 1, "local_number": "nobody"}, 404, "没有这位居民"),
        ("identifiers", {"health_card": "1", "insurance_number": "2"}, 400, "一次只能查一个号码"),
        (
            "match",
            {"name": "鲁\0文英", "birth_date": "1987-03-14"},
            400,
            "字段 name 里有空字符（\\u0000），请去掉后重发",
        ),
        ("identifiers", {"health_card": "无"}, 400, "“无”不是一个居民健康卡号，请填写卡上或系统里的号码"),
        ("identifiers", {"insurance_number": " 000000 "}, 400, "“000000”不是一个医保编号，请填写卡上或系统里的号码"),
        ("changes?after=yesterday", None, 400, "after 应为上一次返回的 next"),
        ("elsewhere", None, 404, "没有这个地址"),
        ("match", None, 405, "该地址不支持这种请求方法"),
    ],
)
def test_what_cannot_be_understood_is_said_plainly(ask: Ask, path: str, body: Any, status: int, message: str) -> None:
    answer = ask(path, body)
    assert (answer.status, answer.content["message"]) == (status, message)


def test_other_tokens_are_refused(ask: Ask) -> None:
    assert ask("match", {"name": "鲁文英"}, permission="intake:batch:read").status == 403
