"""What others compute, too, and must compute alike: hashes, document keys, sounds, the keys of rules."""

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangqiao.identity.documents import DocumentKey, DocumentType
from kangqiao.identity.linkage.blocking import RULES, rule_keys
from kangqiao.identity.linkage.cards import card_of, read_cards
from kangqiao.identity.linkage.crowds import Crowds, crowds_of, load_crowds, save_crowds
from kangqiao.identity.linkage.days import date_of, day_of, is_date
from kangqiao.identity.linkage.documents import document_of, read_documents
from kangqiao.identity.linkage.hashing import hashed, text_hash, text_hashes
from kangqiao.identity.linkage.names import ALONE, ONE_OF_SEVERAL, normalised, sound_code
from kangqiao.identity.linkage.reading import read_registrations
from kangqiao.identity.rules import FILLERS, normalise_document
from linkage_records import TODAY, number, registrations

VALID = number("53352219870314082")


def test_hashes_are_the_same_for_ever() -> None:
    """Keys lie in databases: whoever changes a hash computes all of them anew."""
    assert hashed([]) == text_hash(" ") == 0
    assert hashed([1]) == 2850178703504778202
    assert hashed([53352219870314082, -7]) == 2973305329367543795
    assert text_hash("岩温香") == 2576340997946958914


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20) | st.none(), max_size=5))
def test_texts_are_hashed_alike_one_by_one_and_many_at_once(texts: list[str | None]) -> None:
    assert text_hashes(pa.array(texts, pa.string())).tolist() == [text_hash(text or "") for text in texts]


CARD = st.sampled_from(["", "无", " 0000 ", "12345", "1234", "-", "530900001"]) | st.text(max_size=8) | st.none()


@given(st.lists(CARD, max_size=6))
def test_what_is_written_instead_of_a_card_is_no_card(written: list[str | None]) -> None:
    read = read_cards(pa.array(written, pa.string())).tolist()
    assert read == [card_of(text or "") for text in written]
    for text, card in zip(written, read, strict=True):
        tidy = (text or "").strip(" ")
        assert card == (0 if tidy in FILLERS else text_hash(tidy))
    assert {"", "无", "0000", "12345", "-"} <= FILLERS
    assert not {"1234", "530900001"} & FILLERS


TYPED = st.one_of(
    st.from_regex(r"[0-9]{17}[0-9X]", fullmatch=True),
    st.dates(date(1870, 1, 1), date(2030, 1, 1)).map(lambda day: number(f"533522{day:%Y%m%d}082")),
    st.dates(date(1900, 1, 1), date(1999, 12, 31)).map(lambda day: f"533522{day:%y%m%d}082"),
    st.from_regex(r"[0-9]{5,19}|[A-Za-z][0-9]{9}", fullmatch=True),
    st.sampled_from(["123456789012345", "111111111111111", "S530012345"]),
    st.sampled_from(
        ["", "无", "000000", "123456789012345678", VALID.lower(), VALID[:6] + " " + VALID[6:], "MC1234567"]
    ),
    st.text(max_size=20),
    st.none(),
)


@given(st.lists(st.tuples(st.sampled_from(["01", "1", "03", "06", "99", "", None]), TYPED), max_size=4))
def test_documents_are_read_as_the_rules_of_identity_read_them(shown: list[tuple[str | None, str | None]]) -> None:
    kinds, numbers = (pa.array(column, pa.string()) for column in (zip(*shown, strict=True) if shown else ([], [])))
    read = read_documents(kinds, numbers, today=TODAY)
    for place, (kind, typed) in enumerate(shown):
        found = normalise_document(kind, typed, today=TODAY)
        citizen = isinstance(found, DocumentKey) and found.type_code == DocumentType.CITIZEN_ID
        assert (read.key[place] > 0) == citizen
        assert not citizen or f"{read.key[place]:017}" == found.number[:17]
        assert (read.key[place] < 0) == (isinstance(found, DocumentKey) and not citizen)
        assert tuple(column[place] for column in read) == document_of(kind, typed, today=TODAY)


@given(st.dates(date(1800, 1, 1), date(2200, 1, 1)))
def test_days_are_those_of_the_calendar(day: date) -> None:
    written, since = int(f"{day:%Y%m%d}"), (day - date(1970, 1, 1)).days
    assert is_date(written)
    assert (day_of(written), date_of(since)) == (since, written)


@pytest.mark.parametrize("written", [20230229, 19000229, 20230431, 20231301, 20230100])
def test_what_is_no_day_is_none(written: int) -> None:
    assert not is_date(written)


@pytest.mark.parametrize(
    ("written", "name", "mother", "newborn"),
    [
        ("岩·温香", "岩温香", "", 0),
        ("李芳之子", "李芳之子", "李芳", ALONE),
        ("李芳 之 大 女", "李芳之大女", "李芳", ONE_OF_SEVERAL),
        ("李芳之女B", "李芳之女B", "李芳", ONE_OF_SEVERAL),
        ("aung myat-thu", "AUNGMYATTHU", "", 0),
        ("不详", "", "", 0),
    ],
)
def test_a_name_is_normalised(written: str, name: str, mother: str, newborn: int) -> None:
    assert normalised(written) == (name, mother, newborn)


def test_characters_that_sound_alike_have_one_code_whatever_else_is_read() -> None:
    assert sound_code(ord("英")) == sound_code(ord("瑛")) == ((25 * 27 + 9) * 27 + 14) * 27 + 7  # y i n g
    assert sound_code(ord("A")) != sound_code(ord("阿"))


def test_a_registration_alone_has_the_keys_it_has_among_many() -> None:
    changes = [
        {},
        {"name": "李芳之子", "mother_name": "李芳"},
        {"name": "赵国强", "document_number": "无"},
        {"phone": None},
    ]
    many = read_registrations(registrations(*changes), today=TODAY)
    for place, change in enumerate(changes):
        alone = read_registrations(registrations(change), today=TODAY)
        for rule in range(len(RULES)):
            assert rule_keys(alone, rule)[0] == rule_keys(many, rule)[place]


def test_the_key_of_a_rule_is_the_hash_of_what_it_looks_at() -> None:
    read = read_registrations(registrations({}), today=TODAY)
    letters, birth = int(read.names.letters[read.rows["name"][0]]), 19870314
    assert letters == hashed(sorted(map(ord, "鲁文英"), reverse=True))
    keys = {rule.word: int(rule_keys(read, place)[0]) for place, rule in enumerate(RULES)}
    assert keys["document"] == int(VALID[:17])
    assert keys["name-birth"] == hashed([letters, birth])
    assert keys["name-village"] == hashed([letters, 530922102203])
    assert keys["phone-birth"] == hashed([13987600011, birth])


CROWDED = [{}, *({"name": f"{surname}小明"} for surname in "赵王李杨罗字")]


@pytest.fixture
def crowded() -> Crowds:
    return crowds_of(read_registrations(registrations(*CROWDED), today=TODAY))


def test_crowds_are_what_many_share(crowded: Crowds) -> None:
    assert crowded.keys.tolist() == [int(VALID[:17])]
    assert crowded.holders.tolist() == [6]
    assert (crowded.phones.tolist(), crowded.callers.tolist()) == ([13987600011], [6])
    assert len(crowded.forms) == len(crowded.bearers) == 0


def test_one_registration_is_read_with_the_crowds_of_the_city(crowded: Crowds) -> None:
    read = read_registrations(registrations({}), today=TODAY, crowds=crowded)
    assert (read.rows["holders"].tolist(), read.rows["callers"].tolist()) == ([6], [6])


def test_crowds_read_from_their_file_are_the_same(crowded: Crowds, tmp_path: Path) -> None:
    save_crowds(crowded, tmp_path / "crowds.npz")
    again = load_crowds(tmp_path / "crowds.npz")
    assert all(np.array_equal(one, other) for one, other in zip(again, crowded, strict=True))
