"""What was probably meant by a code that is refused or out of use, in one Chinese sentence.

A text is repeated only where it leads to a known code: it is then a slip with a code. Any other text may have come
from a neighbouring column, a name or a number of a person, and is never repeated.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterator

from kangqiao.standards.fields import Coded, Codes, Element
from kangqiao.standards.value_sets import Code, ValueSet

_GRADES = "级类型期度"
"""Characters that end the number of a grade (3级) in the name of a code."""


def code_hint(known: ValueSet, text: str) -> str | None:
    """Return what to send instead of one code, None where the code is in use or nothing can be guessed."""
    code = known.codes.get(text)
    if code is not None:
        return _retired(known, code)
    if known.accepts(text):
        return None
    return next((f"“{text}”{said}“{meant}”{_named(known, meant)}" for meant, said in _guesses(known, text)), None)


def cell_hints(field: Element, text: str) -> list[str]:
    """Return the hints for the wire text of a cell, none where the field holds no codes."""
    if isinstance(field, Codes):
        found = (code_hint(field.value_set, code) for code in field.parse(text))
    elif isinstance(field, Coded):
        found = (code_hint(field.value_set, text),)  # type: ignore[assignment]
    else:
        return []
    return [hint for hint in found if hint]


def _retired(known: ValueSet, code: Code) -> str | None:
    if code.valid_to is None:
        return None
    said = f"“{code.code}”（{code.name}）自 {code.valid_to + dt.timedelta(days=1)} 起停用"
    return f"{said}，改用“{code.successor}”{_named(known, code.successor)}" if code.successor else said


def _guesses(known: ValueSet, text: str) -> Iterator[tuple[str, str]]:
    """Yield (code that is accepted, what is wrong with the text), the likeliest first."""
    narrow = unicodedata.normalize("NFKC", text)
    for meant, said in ((narrow, "含全角字符，应为"), (narrow.upper(), "字母应大写，应为")):
        if known.accepts(meant):
            yield meant, said
    whole = re.sub(r"\.0+$", "", narrow)
    if whole != narrow and whole in known.codes:
        yield whole, "是数字格式，应为文本"
    yield from ((meant, "缺前导零，应为") for meant in _padded(known, whole) if meant != whole)
    if whole.lstrip("0") in known.codes:
        yield whole.lstrip("0"), "多了前导零，应为"
    yield from _from_wording(known, narrow)


def _padded(known: ValueSet, text: str) -> Iterator[str]:
    """Yield the codes that are the text with zeros in front."""
    if not text.isascii() or not text.isdigit():
        return
    for width in sorted({len(code) for code in known.codes}):
        if width > len(text) and text.zfill(width) in known.codes:
            yield text.zfill(width)


def _from_wording(known: ValueSet, text: str) -> Iterator[tuple[str, str]]:
    for code in known.codes.values():
        if text in (code.name, *code.aliases):
            yield code.code, "是名称，应填代码"
    for code in known.codes.values():
        if len(text) <= 2 and text and re.match(f"{re.escape(text)}[{_GRADES}]", code.name):
            yield code.code, "是级别，应填代码"


def _named(known: ValueSet, code: str) -> str:
    found = known.codes.get(code)
    return f"（{found.name}）" if found else ""
