"""What the number of a document says about the row it stands in: rules over stored registrations.

A citizen's number carries the date of birth and the sex (GB 11643: digits 7 to 14, and the seventeenth, odd for men).
Whether a number can be used, and how it is properly written, was decided when the patient was registered: it is the
patient's master key (``identity.rules``), or none.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from kangqiao.identity.documents import DocumentType
from kangqiao.standards.data_set import DataSet
from kangqiao.standards.quality import Compiled, Dimension, StoredRule

CITIZEN = f"patient.key_type = '{DocumentType.CITIZEN_ID}'"


@dataclass(frozen=True)
class DocumentRule(StoredRule):
    """A rule over a document's number and the key that was read from it.

    ``assessed`` and ``failed`` name the columns of the row as {number}, {birth_date}, {sex}.
    """

    field: Any
    birth_date: Any
    sex: Any
    word: str
    message: str
    assessed: str
    failed: str
    dimension: Dimension
    severity: str = "warning"

    def compile(self, data_set: type[DataSet], alias: str) -> Compiled:
        fields = {"number": self.field, "birth_date": self.birth_date, "sex": self.sex}
        columns = {word: f't."{field.name}"' for word, field in fields.items()}
        return Compiled((), self.assessed.format(**columns), self.failed.format(**columns))


def document_rules(number: Any, *, birth_date: Any, sex: Any) -> list[StoredRule]:
    """Return what must be true of a document's number beside the date of birth and the sex of its row."""
    rule = functools.partial(DocumentRule, number, birth_date, sex)
    return [
        rule(
            "unusable",
            "证件号码应能确认身份（位数、校验位、日期正确，且不是代用号码）",
            "{number} IS NOT NULL",
            "patient.key_number IS NULL",
            Dimension.VALIDITY,
        ),
        rule(
            "irregular",
            "证件号码应按规范书写：18 位、半角、无空格，数字不写成形近字母",
            f"coalesce({{number}} IS NOT NULL AND {CITIZEN}, FALSE)",
            "{number} <> patient.key_number",
            Dimension.VALIDITY,
        ),
        rule(
            "other-birth-date",
            "身份证号码中的出生日期应与登记的出生日期一致；不一致时可能借用了他人的号码",
            f"coalesce({CITIZEN} AND {{birth_date}} IS NOT NULL, FALSE)",
            "strftime({birth_date}, '%Y%m%d') <> patient.key_number[7:14]",
            Dimension.CONSISTENCY,
        ),
        rule(
            "other-sex",
            "身份证号码中的性别应与登记的性别一致；不一致时可能借用了他人的号码",
            f"coalesce({CITIZEN} AND {{sex}} IN ('1', '2'), FALSE)",
            "(patient.key_number[17]::INTEGER % 2 = 1) <> ({sex} = '1')",
            Dimension.CONSISTENCY,
        ),
    ]
