"""Identity documents as values: what a person shows to say who they are."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

HELD: Final = {"health_card": "居民健康卡号", "archive_number": "健康档案编号", "insurance_number": "医保编号"}
"""Numbers of a person that are no documents, by the patient's column: several people's may be mixed up, and they link
nobody."""


class DocumentType(StrEnum):
    """身份证件类别 CV02.01.101: the kinds of identity document, by their two-digit codes."""

    CITIZEN_ID = "01"
    HOUSEHOLD_BOOK = "02"
    PASSPORT = "03"
    OFFICER = "04"
    DRIVING_LICENCE = "05"
    HK_MACAU_PERMIT = "06"
    TAIWAN_PERMIT = "07"
    OTHER = "99"

    @property
    def label(self) -> str:
        """The Chinese name people know the document by."""
        return _LABELS[self]


_LABELS = {
    DocumentType.CITIZEN_ID: "居民身份证",
    DocumentType.HOUSEHOLD_BOOK: "居民户口簿",
    DocumentType.PASSPORT: "护照",
    DocumentType.OFFICER: "军官证",
    DocumentType.DRIVING_LICENCE: "驾驶证",
    DocumentType.HK_MACAU_PERMIT: "港澳居民来往内地通行证",
    DocumentType.TAIWAN_PERMIT: "台湾居民来往大陆通行证",
    DocumentType.OTHER: "其他法定有效证件",
}


class Problem(StrEnum):
    """Why a document cannot say who a person is. The word goes into tables, the message onto screens."""

    MISSING = "missing"
    PLACEHOLDER = "placeholder"
    TYPE_MISSING = "type_missing"
    TYPE_UNKNOWN = "type_unknown"
    LENGTH = "length"
    CHARACTER = "character"
    BIRTH_DATE = "birth_date"
    CHECK_DIGIT = "check_digit"
    SHARED = "shared"
    FORM = "form"
    UNSPECIFIC = "unspecific"

    @property
    def message(self) -> str:
        """One plain Chinese sentence for the person who has to mend it; it repeats no personal data."""
        return _MESSAGES[self]


_MESSAGES = {
    Problem.MISSING: "没有填写证件号码",
    Problem.PLACEHOLDER: "证件号码是占位的假号（全为同一字符或顺序数字）",
    Problem.TYPE_MISSING: "没有填写证件类别",
    Problem.TYPE_UNKNOWN: "证件类别不在 CV02.01.101 的代码之内",
    Problem.LENGTH: "公民身份号码应为 18 位（或旧号 15 位）",
    Problem.CHARACTER: "公民身份号码应全为数字，只有末位可以是 X",
    Problem.BIRTH_DATE: "公民身份号码第 7–14 位不是有效的出生日期",
    Problem.CHECK_DIGIT: "公民身份号码校验码不符，号码有误",
    Problem.SHARED: "户口簿号为全户共用，不能认定个人；请填写户口簿上本人的公民身份号码",
    Problem.FORM: "证件号码不符合该类证件的格式",
    Problem.UNSPECIFIC: "“其他证件”的号码不能确定是哪一种证件，不能据以认定个人",
}


@dataclass(frozen=True, slots=True, repr=False)
class CitizenId:
    """公民身份号码 of 18 characters in its one written form; made by `kangqiao.identity.rules.citizen_id`.

    Six digits of region, eight of birth date, three of order (odd for men), one check character.
    Its repr shows no digit, so that it cannot leak into a log.
    """

    value: str

    def __str__(self) -> str:
        return self.value

    def __repr__(self) -> str:
        return "CitizenId(…)"

    @property
    def region(self) -> str:
        """The six-digit county code of the first registration, as it was then; divisions change later."""
        return self.value[:6]

    @property
    def birth_date(self) -> date:
        return date(int(self.value[6:10]), int(self.value[10:12]), int(self.value[12:14]))

    @property
    def sex(self) -> str:
        """GB/T 2261.1: "1" man, "2" woman."""
        return "1" if int(self.value[16]) % 2 else "2"


@dataclass(frozen=True, slots=True, repr=False)
class DocumentKey:
    """A document that says who a person is: two registrations with equal keys are the same resident."""

    type_code: DocumentType
    number: str

    def __repr__(self) -> str:
        return f"DocumentKey({self.type_code.value}, …)"


@dataclass(frozen=True, slots=True)
class Unusable:
    """A document that does not: the patient stays its own resident, 待核, and the problem is shown."""

    problem: Problem
