"""What somebody typed to find a person: a document's number, or a name with the date of birth. Pure decisions."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from kangqiao.identity.documents import DocumentKey, DocumentType, Unusable
from kangqiao.identity.rules import normalise_document

_CHINESE: Final = re.compile(r"[\u3400-\u9fff]")
_LATIN_NAME: Final = re.compile(r"[A-Za-z]{2,}[\s.·]")
_BIRTH: Final = re.compile(
    r"(?<!\d)(\d{4})\s*(?:[-./年]\s*(\d{1,2})\s*[-./月]\s*(\d{1,2})\s*日?|(\d{2})(\d{2}))\s*(?:出?生)?$"
)
_SPACES: Final = re.compile(r"[\s\u3000,，;；、]+")
_SEPARATORS: Final = re.compile(r"[·•・‧.．\s]")
_CITIZEN_DIGITS: Final = 15


class Unclear(StrEnum):
    """Why a search was not made. The message says what to type instead and repeats nothing."""

    EMPTY = "empty"
    NO_BIRTH_DATE = "no-birth-date"
    NO_NAME = "no-name"
    DOCUMENT = "document"

    @property
    def message(self) -> str:
        """One plain Chinese sentence."""
        return _MESSAGES[self]


_MESSAGES = {
    Unclear.EMPTY: "请输入证件号码，或姓名加出生日期。",
    Unclear.NO_BIRTH_DATE: "只有姓名会找到许多同名的人，请在姓名后面加上出生日期，例如 1965-08-12。",
    Unclear.NO_NAME: "只有出生日期不能确定一个人，请在前面加上姓名。",
    Unclear.DOCUMENT: "证件号码不完整或不符合任何一种证件的格式，请核对后重新输入。",
}


@dataclass(frozen=True, slots=True)
class ByDocument:
    """The number may belong to any of these documents."""

    keys: tuple[DocumentKey, ...]


@dataclass(frozen=True, slots=True)
class ByName:
    """The ways a name may be written (with and without the dot of a transcribed name), and the date of birth."""

    names: tuple[str, ...]
    birth_date: date


@dataclass(frozen=True, slots=True)
class Refused:
    """No search: the Chinese message says why and what to type."""

    message: str


def read_search(text: str, *, today: date) -> ByDocument | ByName | Refused:
    """Decide what the text asks for. Full-width digits, spaces, and the usual ways to write a date are understood."""
    tidy = unicodedata.normalize("NFKC", text).strip()
    if not tidy:
        return Refused(Unclear.EMPTY.message)
    birth = _BIRTH.search(tidy)
    name = _SPACES.sub(" ", tidy[: birth.start()] if birth else tidy).strip()
    if (_CHINESE.search(name) or _LATIN_NAME.match(tidy)) and not re.search(r"\d{4}", name):
        return _by_name(name, birth)
    if birth and not name and re.search(r"\D", tidy):
        return Refused(Unclear.NO_NAME.message)
    if sum(map(str.isdigit, tidy)) >= _CITIZEN_DIGITS:
        return _by_citizen_number(_CHINESE.sub("", text), today)
    return _by_document(text, today)


def _by_name(name: str, birth: re.Match[str] | None) -> ByName | Refused:
    if not birth:
        return Refused(Unclear.NO_BIRTH_DATE.message)
    year, month, day = (int(part) for part in birth.groups() if part)
    try:
        return ByName(_spellings(name), date(year, month, day))
    except ValueError:
        return Refused("出生日期不存在，请核对，例如 1965-08-12。")


def _spellings(name: str) -> tuple[str, ...]:
    whole = name.replace(" ", "")
    return tuple(dict.fromkeys((whole, _SEPARATORS.sub("", name), _SEPARATORS.sub("·", name))))


def _by_citizen_number(text: str, today: date) -> ByDocument | Refused:
    """A long number is a citizen's or a mistyped one: it is never looked for as that of another document."""
    read = normalise_document(DocumentType.CITIZEN_ID, text, today=today)
    if isinstance(read, Unusable):
        return Refused(f"{read.problem.message}，请核对后重新输入。")
    return ByDocument((read,))


def _by_document(text: str, today: date) -> ByDocument | Refused:
    """Read the number as every kind of document, since nobody says which one it is."""
    read = (normalise_document(kind, text, today=today) for kind in DocumentType)
    keys = {key for key in read if isinstance(key, DocumentKey)}
    if not keys:
        return Refused(Unclear.DOCUMENT.message)
    return ByDocument(tuple(sorted(keys, key=lambda key: key.type_code)))
