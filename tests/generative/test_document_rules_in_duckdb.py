"""The Python rule referees the SQL that intake runs over whole files."""

from datetime import date

import duckdb
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kangqiao.identity.documents import DocumentKey
from kangqiao.identity.duckdb_rules import with_document_key
from kangqiao.identity.rules import IGNORED, LOOKALIKES, UNTIDY, check_character, normalise_document

TODAY = date(2026, 11, 22)

DIGITS = st.text("0123456789", min_size=1, max_size=20)
BODIES = st.builds(
    lambda region, born, order: f"{region}{born:%Y%m%d}{order:03d}",
    st.sampled_from(["533522", "530902", "810000", "000000"]),
    st.dates(date(1870, 1, 1), date(2030, 12, 31)),
    st.integers(0, 999),
)
VALID = BODIES.map(lambda body: body + check_character(body))
FORMER = BODIES.map(lambda body: body[:6] + body[8:])
WRONG_DATES = st.builds(lambda body, day: body[:8] + day + body[12:], VALID, st.text("0123", min_size=4, max_size=4))
PERMITS = st.from_regex(r"[A-Z]{0,4}[0-9]{4,12}[A-Z]?(\([A-Z]\))?", fullmatch=True)
OFFICERS = st.from_regex(r"[军南空]字第[0-9]{6,8}号", fullmatch=True)
NOISE = st.text(UNTIDY + IGNORED + LOOKALIKES + "Z'\\\"%中*·é🙂", max_size=20)
WORDS = st.sampled_from(["", "无", "null", "N/A", "不 详", "123456", "99999999", "000000000000000000"])


@st.composite
def untidy(draw: st.DrawFn, numbers: st.SearchStrategy[str]) -> str:
    """A number with a few of its characters replaced or surrounded by what people type instead."""
    typed = list(draw(numbers))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, max(len(typed) - 1, 0)))
        instead = draw(st.sampled_from(list(UNTIDY[:62] + IGNORED + LOOKALIKES + "Zx0123456789")))
        typed[place : place + draw(st.integers(0, 1))] = [instead]
    return "".join(typed)


GENUINE = st.one_of(VALID, VALID, BODIES, FORMER, WRONG_DATES, PERMITS, OFFICERS)
NUMBERS = st.one_of(GENUINE, untidy(GENUINE), untidy(GENUINE), NOISE, st.one_of(st.none(), WORDS, DIGITS))
TYPES = st.sampled_from(
    ["01", "01", "1", "０１", " 01", "02", "03", "04", "05", "06", "07", "99", "9", "08", "", "身份证", None]
)
CONNECTION = duckdb.connect()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TYPES, NUMBERS), min_size=50, max_size=200))
@example([("99", "53352219800101001X"), ("01", "IIIIIIIIIIIIIII"), (None, "\x00")])
def test_the_sql_decides_like_the_python_rule(documents: list[tuple[str | None, str | None]]) -> None:
    expected = [decided_in_python(type_code, number) for type_code, number in documents]
    assert decided_in_duckdb(documents) == expected


def decided_in_python(type_code: str | None, number: str | None) -> tuple[str | None, str | None, str | None]:
    decided = normalise_document(type_code, number, today=TODAY)
    if isinstance(decided, DocumentKey):
        return decided.type_code.value, decided.number, None
    return None, None, decided.problem.value


def decided_in_duckdb(documents: list[tuple[str | None, str | None]]) -> list[tuple]:
    select = with_document_key(
        "(SELECT unnest($types) AS t, unnest($numbers) AS n)", type_column="t", number_column="n", today=TODAY
    )
    types = duckdb.Value([each[0] for each in documents], "VARCHAR[]")
    numbers = duckdb.Value([each[1] for each in documents], "VARCHAR[]")
    return CONNECTION.execute(
        f"SELECT key_type, key_number, key_problem FROM ({select})", {"types": types, "numbers": numbers}
    ).fetchall()
