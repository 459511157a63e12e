"""From a document as somebody typed it to the key that says who the person is. Pure decisions.

`kangqiao.identity.duckdb_rules` says the same in SQL for whole files; these functions are its referee.
"""

import re
from datetime import date
from operator import mul
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final

from kangqiao.identity.documents import CitizenId, DocumentKey, DocumentType, Problem, Unusable

# What keyboards, spreadsheets and scanners do to a number. Equal positions correspond; IGNORED is dropped.
UNTIDY: Final = (
    "０１２３４５６７８９ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ"
    "ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ" + ascii_lowercase
)
TIDY: Final = digits + ascii_uppercase * 3
IGNORED: Final = " \t\r\n\v\f\u00a0\u3000\u200b\u200c\u200d\u2060\ufeff'’‘`-‐‑‒–—―−－_()（）"

# Characters that look like one of a citizen number. Z is read as 2 only where a check digit can confirm it.
LOOKALIKES: Final = "OIL|〇○ОХ×"
LOOKED_LIKE: Final = "0111000XX"
DOUBTFUL_LOOKALIKE: Final = "Z"

NOTHING: Final = ("", "无", "不详", "未知", "暂无", "没有", "未提供", "NULL", "NONE", "NA", "N/A", "NIL")
COUNTING: Final = "123456789012345678901234567890"
SHORTEST_COUNTING: Final = 5

LONGEST_FILLING: Final = 20
FILLERS: Final = frozenset(
    (
        *NOTHING,
        *(character * length for character in digits + "Xx*-" for length in range(1, LONGEST_FILLING + 1)),
        *(COUNTING[:length] for length in range(SHORTEST_COUNTING, LONGEST_FILLING + 1)),
    )
)
"""What is written for the number of a card where there is none."""

EARLIEST_BIRTH: Final = date(1880, 1, 1)
WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_CHARACTERS: Final = "10X98765432"
CITIZEN_FORM: Final = "[0-9]{17}[0-9X]"
FORMER_CITIZEN_FORM: Final = "[0-9]{15}"

# Per type: how a number looks (patterns that Python and RE2 read alike), and how many characters name the
# person: permits end with a count of issues, which changes with every renewal. As commonly printed.
# Of the "others" two can be told apart: 外国人永久居留身份证 and 出生医学证明.
FORMS: Final[dict[DocumentType, tuple[str, int]]] = {
    DocumentType.PASSPORT: ("[A-Z]{0,4}[0-9][A-Z0-9]{4,13}", 18),
    DocumentType.OFFICER: ("[一-龥]{0,4}[A-Z]{0,4}[0-9]{4,12}", 20),
    DocumentType.DRIVING_LICENCE: ("[A-Z0-9]{8,17}", 17),
    DocumentType.HK_MACAU_PERMIT: ("[HM][0-9]{8}([0-9]{2})?", 9),
    DocumentType.TAIWAN_PERMIT: ("[0-9]{8}([0-9]{2}[A-Z]?)?", 8),
    DocumentType.OTHER: ("[A-Z]{3}[0-9]{12}|[A-Z][0-9]{9}", 15),
}
OFFICER_WORDS: Final = "字第号"

_TYPES = {kind.value: kind for kind in DocumentType}
_TIDYING = str.maketrans(UNTIDY, TIDY, IGNORED)
_LOOKALIKES = str.maketrans(LOOKALIKES, LOOKED_LIKE)
_WITHOUT_OFFICER_WORDS = str.maketrans("", "", OFFICER_WORDS)


def normalise_document(type_code: str | None, number: str | None, *, today: date) -> DocumentKey | Unusable:
    """Decide whether a document says who its holder is.

    A number that reads as a citizen number is judged as one whatever the type says: household books, driving
    licences and residence permits of Hong Kong, Macau and Taiwan people carry it. A household book's own number
    belongs to a family and a number of unknown kind to nobody in particular; neither is ever a key.
    """
    tidy = (number or "").translate(_TIDYING)
    if tidy in NOTHING:
        return Unusable(Problem.MISSING)
    if _is_placeholder(tidy):
        return Unusable(Problem.PLACEHOLDER)
    code = (type_code or "").translate(_TIDYING)
    code = code if len(code) != 1 else "0" + code
    if code == DocumentType.CITIZEN_ID or _reads_as_citizen_id(tidy):
        return _citizen_key(tidy, today)
    if not code:
        return Unusable(Problem.TYPE_MISSING)
    kind = _TYPES.get(code)
    return _other_key(kind, tidy) if kind else Unusable(Problem.TYPE_UNKNOWN)


def citizen_id(text: str, *, today: date) -> CitizenId | Unusable:
    """Read a 公民身份号码 (GB 11643) however it was typed: 18 characters, or the 15 digits of before 1999.

    Full-width and look-alike characters are put right, spaces and hyphens dropped. The check character follows
    ISO 7064 MOD 11-2. The region part is kept as it is: divisions are abolished, people are not.
    """
    shown = _without_lookalikes(text.translate(_TIDYING))
    if len(shown) not in (15, 18):
        return Unusable(Problem.LENGTH)
    if not re.fullmatch(CITIZEN_FORM if len(shown) == 18 else FORMER_CITIZEN_FORM, shown):
        return Unusable(Problem.CHARACTER)
    body = shown[:17] if len(shown) == 18 else f"{shown[:6]}19{shown[6:]}"
    if not _is_birth_date(body[6:14], today):
        return Unusable(Problem.BIRTH_DATE)
    whole = body + check_character(body)
    if len(shown) == 18 and shown != whole:
        return Unusable(Problem.CHECK_DIGIT)
    return CitizenId(whole)


def check_character(body: str) -> str:
    """Return the 18th character for the first 17 digits: ISO 7064 MOD 11-2, as GB 11643 uses it."""
    return CHECK_CHARACTERS[sum(map(mul, WEIGHTS, map(int, body))) % 11]


def _without_lookalikes(tidy: str) -> str:
    shown = tidy.translate(_LOOKALIKES)
    return shown.replace(DOUBTFUL_LOOKALIKE, "2") if len(shown) == 18 else shown


def _reads_as_citizen_id(tidy: str) -> bool:
    return len(tidy) == 18 and re.fullmatch(CITIZEN_FORM, _without_lookalikes(tidy)) is not None


def _is_placeholder(tidy: str) -> bool:
    counted = len(tidy) >= SHORTEST_COUNTING and COUNTING.startswith(tidy)
    return counted or tidy == tidy[0] * len(tidy)


def _is_birth_date(text: str, today: date) -> bool:
    try:
        born = date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return EARLIEST_BIRTH <= born <= today


def _citizen_key(tidy: str, today: date) -> DocumentKey | Unusable:
    read = citizen_id(tidy, today=today)
    return read if isinstance(read, Unusable) else DocumentKey(DocumentType.CITIZEN_ID, read.value)


def _other_key(kind: DocumentType, tidy: str) -> DocumentKey | Unusable:
    if kind is DocumentType.HOUSEHOLD_BOOK:
        return Unusable(Problem.SHARED)
    number = tidy.translate(_WITHOUT_OFFICER_WORDS) if kind is DocumentType.OFFICER else tidy
    form, telling = FORMS[kind]
    if not re.fullmatch(form, number):
        return Unusable(Problem.UNSPECIFIC if kind is DocumentType.OTHER else Problem.FORM)
    return DocumentKey(kind, number[:telling])
