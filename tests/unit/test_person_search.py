"""What people type to find a person, and what is looked for."""

import datetime as dt

import pytest

from kangqiao.identity.documents import DocumentKey, DocumentType
from kangqiao.identity.rules import check_character
from kangqiao.identity.searching import ByDocument, ByName, Refused, read_search

TODAY = dt.date(2026, 11, 22)
BORN = dt.date(1965, 8, 12)
BODY = "53090219650812122"
NUMBER = BODY + check_character(BODY)
CITIZEN = ByDocument((DocumentKey(DocumentType.CITIZEN_ID, NUMBER),))


def search(text: str) -> ByDocument | ByName | Refused:
    return read_search(text, today=TODAY)


@pytest.mark.parametrize(
    "text",
    [
        NUMBER,
        f"  {NUMBER} ",
        f"{NUMBER[:6]} {NUMBER[6:14]} {NUMBER[14:]}",
        NUMBER.translate(str.maketrans("0123456789", "０１２３４５６７８９")),
        f"王秀英 {NUMBER}",
        f"{NUMBER[:6]}{NUMBER[8:17]}",  # the 15 digits of before 1999
    ],
)
def test_a_citizen_number_is_read_however_it_is_typed(text):
    assert search(text) == CITIZEN


@pytest.mark.parametrize(
    "text",
    [
        "王秀英 1965-08-12",
        "王秀英1965-8-12",
        "王秀英 19650812",
        "王秀英，1965年8月12日",
        "王秀英　１９６５．０８．１２",
        "王 秀英 1965/08/12",
    ],
)
def test_a_name_with_the_date_of_birth_is_read_however_the_date_is_written(text):
    found = search(text)
    assert (found.names[0], found.birth_date) == ("王秀英", BORN)


def test_a_transcribed_name_is_looked_for_with_and_without_its_dot():
    assert search("阿依·吐拉 1965-08-12").names == ("阿依·吐拉", "阿依吐拉")


def test_a_latin_name_is_a_name():
    assert search("Maria Santos 1965-08-12").birth_date == BORN


def test_a_passport_is_looked_for_as_every_document_it_could_be():
    kinds = {key.type_code for key in search("E12345678").keys}
    assert {DocumentType.PASSPORT} <= kinds
    assert DocumentType.CITIZEN_ID not in kinds


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "请输入"),
        ("   ", "请输入"),
        ("王秀英", "加上出生日期"),
        ("1965-08-12", "加上姓名"),
        ("王秀英 1965-02-30", "不存在"),
        (NUMBER[:17], "18 位"),
        (BODY + ("0" if NUMBER[-1] != "0" else "1"), "校验码"),
        ("12", "证件号码"),
    ],
)
def test_what_cannot_be_looked_for_says_what_to_type_instead(text, says):
    refused = search(text)
    assert isinstance(refused, Refused)
    assert says in refused.message


def test_a_refusal_repeats_nothing_of_what_was_typed():
    assert "秀英" not in search("王秀英").message
    assert NUMBER[:10] not in search(NUMBER[:17]).message
