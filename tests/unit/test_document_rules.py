"""What a document as typed tells about who its holder is, in a table a clerk could read."""

from datetime import date

import pytest

from kangqiao.identity.documents import CitizenId, DocumentKey, DocumentType, Problem, Unusable
from kangqiao.identity.rules import check_character, citizen_id, normalise_document

TODAY = date(2026, 11, 22)
ZHANG = "11010519491231002X"  # the example everybody prints with GB 11643
LI = "440524188001010014"

READ_AS = [
    ("01", "11010519491231002X", "01", ZHANG, "as it should be"),
    ("01", "11010519491231002x", "01", ZHANG, "small x"),
    ("1", "11010519491231002X", "01", ZHANG, "type without its leading zero"),
    ("01", "110105 19491231-002X", "01", ZHANG, "spaces and hyphens"),
    ("01", "'11010519491231002X", "01", ZHANG, "an apostrophe from a spreadsheet"),
    ("０１", "１１０１０５１９４９１２３１００２ｘ", "01", ZHANG, "full-width characters"),
    ("01", "llOlO5I949l23loo2X", "01", ZHANG, "l, I and O for one and zero"),
    ("01", "110105194912310O2Х", "01", ZHANG, "a Cyrillic letter for X"),
    ("01", "1101051949Z2310021", None, Problem.BIRTH_DATE, "Z read as two gives no month"),
    ("01", "11010519491Z31002X", "01", ZHANG, "Z for two, confirmed by the check digit"),
    ("01", "110105491231002", "01", ZHANG, "fifteen digits"),
    ("01", "110105491231OO2", "01", ZHANG, "fifteen digits with look-alikes"),
    ("01", "11010549123100Z", None, Problem.CHARACTER, "fifteen digits cannot confirm a Z"),
    ("01", LI, "01", LI, "born in 1880"),
    ("02", "11010519491231002X", "01", ZHANG, "a household book that states the citizen number"),
    ("06", "11010519491231002X", "01", ZHANG, "a residence permit has a citizen number"),
    (None, "11010519491231002X", "01", ZHANG, "no type, but the number speaks for itself"),
    ("01", "110105194912310021", None, Problem.CHECK_DIGIT, "wrong check digit"),
    ("05", "110105194912310021", None, Problem.CHECK_DIGIT, "the same on a driving licence"),
    ("01", "110105194902300029", None, Problem.BIRTH_DATE, "30 February"),
    ("01", "110105202612310025", None, Problem.BIRTH_DATE, "born in the future"),
    ("01", "1101051949123100X2", None, Problem.CHARACTER, "X in the middle"),
    ("01", "1101051949123100", None, Problem.LENGTH, "sixteen digits"),
    ("01", "", None, Problem.MISSING, "nothing"),
    ("01", None, None, Problem.MISSING, "nothing at all"),
    ("01", " 不 详", None, Problem.MISSING, "a word for nothing"),
    ("01", "111111111111111", None, Problem.PLACEHOLDER, "ones, though 1911-11-11 is a date"),
    ("99", "123456789", None, Problem.PLACEHOLDER, "counting"),
    ("", "G12345678", None, Problem.TYPE_MISSING, "a passport number without its type"),
    ("08", "G12345678", None, Problem.TYPE_UNKNOWN, "a type that does not exist"),
    ("03", "g1234 5678", "03", "G12345678", "a passport"),
    ("03", "MA123456", "03", "MA123456", "a passport from Myanmar"),
    ("03", "PASSPORT", None, Problem.FORM, "a passport without a digit"),
    ("04", "南字第01234567号", "04", "南01234567", "an officer's card"),
    ("05", "530900012345", "05", "530900012345", "a driving licence with a number of its own"),
    ("06", "H0123456702", "06", "H01234567", "a permit renewed twice is the same person's"),
    ("06", "H01234567", "06", "H01234567", "the same permit in its new form"),
    ("06", "A01234567", None, Problem.FORM, "no such permit"),
    ("07", "0123456701（B）", "07", "01234567", "an old Taiwan permit"),
    ("02", "530900012345", None, Problem.SHARED, "a household book's own number is the family's"),
    ("99", "ABC530012345678", "99", "ABC530012345678", "a foreigner's permanent residence card"),
    ("99", "U530123456", "99", "U530123456", "a birth certificate"),
    ("99", "20260011", None, Problem.UNSPECIFIC, "somebody's card number"),
]


@pytest.mark.parametrize(
    ("type_code", "number", "key_type", "outcome"),
    [row[:4] for row in READ_AS],
    ids=[row[4].replace(" ", "_") for row in READ_AS],
)
def test_a_document_is_read_as(
    type_code: str | None, number: str | None, key_type: str | None, outcome: str | Problem
) -> None:
    expected = DocumentKey(DocumentType(key_type), outcome) if key_type else Unusable(Problem(outcome))
    assert normalise_document(type_code, number, today=TODAY) == expected


def test_the_citizen_number_tells_birth_date_sex_and_region() -> None:
    zhang = citizen_id(ZHANG, today=TODAY)
    assert isinstance(zhang, CitizenId)
    assert (zhang.birth_date, zhang.sex, zhang.region) == (date(1949, 12, 31), "2", "110105")
    assert CitizenId(LI).sex == "1"


@pytest.mark.parametrize(("body", "character"), [("11010519491231002", "X"), ("44052418800101001", "4")])
def test_the_check_character_follows_the_published_examples(body: str, character: str) -> None:
    assert check_character(body) == character


def test_every_single_mistyped_digit_is_found() -> None:
    for place in range(17):
        for digit in "0123456789":
            typed = ZHANG[:place] + digit + ZHANG[place + 1 :]
            assert (typed == ZHANG) == isinstance(citizen_id(typed, today=TODAY), CitizenId)


def test_no_digit_of_a_number_appears_in_a_repr() -> None:
    key = normalise_document("01", ZHANG, today=TODAY)
    assert not any(part in repr([key, CitizenId(ZHANG)]) for part in (ZHANG, "1949", "1101"))


def test_every_problem_and_every_type_has_its_chinese_words() -> None:
    assert all(problem.message for problem in Problem)
    assert all(kind.label for kind in DocumentType)
