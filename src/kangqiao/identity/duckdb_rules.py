"""`kangqiao.identity.rules.normalise_document` as DuckDB SQL, for whole files at once.

Built from the constants of the rules, in layers of subqueries so that each step is computed once per row.
"""

from datetime import date
from typing import Final

from kangqiao.identity.documents import DocumentType, Problem
from kangqiao.identity.rules import (
    CHECK_CHARACTERS,
    CITIZEN_FORM,
    COUNTING,
    DOUBTFUL_LOOKALIKE,
    EARLIEST_BIRTH,
    FORMER_CITIZEN_FORM,
    FORMS,
    IGNORED,
    LOOKALIKES,
    LOOKED_LIKE,
    NOTHING,
    OFFICER_WORDS,
    SHORTEST_COUNTING,
    TIDY,
    UNTIDY,
    WEIGHTS,
)

KEY_COLUMNS: Final = ("key_type", "key_number", "key_problem")


def with_document_key(source: str, *, type_column: str, number_column: str, today: date) -> str:
    """Return a SELECT over `source` with all its columns and three more: key_type, key_number, key_problem.

    `source` is SQL that may stand after FROM (a relation's name or a parenthesised query); the two column names
    are SQL as well and hold text. Either both key columns are filled, or key_problem holds a word of `Problem`.
    """
    tidied = f"SELECT *, {_tidy(number_column)} AS identity_tidy, {_tidy(type_column)} AS identity_typed FROM {source}"
    typed = f"""SELECT * REPLACE (
            CASE WHEN length(identity_typed) = 1 THEN '0' || identity_typed ELSE identity_typed END AS identity_typed),
        {_without_lookalikes("identity_tidy")} AS identity_shown FROM ({tidied})"""
    shaped = f"""SELECT *,
        CASE WHEN length(identity_shown) = 18 AND regexp_full_match(identity_shown, '{CITIZEN_FORM}')
                 THEN identity_shown[:17]
             WHEN identity_typed = '{DocumentType.CITIZEN_ID}' AND length(identity_shown) = 15
                 AND regexp_full_match(identity_shown, '{FORMER_CITIZEN_FORM}')
                 THEN identity_shown[:6] || '19' || identity_shown[7:] END AS identity_body,
        CAST(identity_body AS BIGINT) AS identity_digits FROM ({typed})"""
    checked = f"""SELECT *,
        CAST(identity_digits // 1000 % 100000000 AS INTEGER) AS identity_born,
        {_check_character("identity_digits")} AS identity_check,
        {_other_number()} AS identity_other FROM ({shaped})"""
    judged = f"SELECT *, {_problem(today)} AS key_problem FROM ({checked})"
    return f"""SELECT * EXCLUDE (identity_tidy, identity_typed, identity_shown, identity_body, identity_digits,
            identity_born, identity_check, identity_other, key_problem),
        CASE WHEN key_problem IS NULL AND identity_body IS NOT NULL THEN '{DocumentType.CITIZEN_ID}'
             WHEN key_problem IS NULL THEN identity_typed END AS key_type,
        CASE WHEN key_problem IS NULL THEN coalesce(identity_body || identity_check, identity_other) END AS key_number,
        key_problem FROM ({judged})"""


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _tidy(column: str) -> str:
    usual = "'[0-9]{17}[0-9X]|[0-9]{1,2}'"
    translated = f"translate({column}, {_text(UNTIDY + IGNORED)}, {_text(TIDY)})"
    return f"CASE WHEN regexp_full_match({column}, {usual}) THEN {column} ELSE coalesce({translated}, '') END"


def _without_lookalikes(column: str) -> str:
    shown = f"translate({column}, {_text(LOOKALIKES)}, {_text(LOOKED_LIKE)})"
    return f"""CASE WHEN regexp_full_match({column}, '{CITIZEN_FORM}') THEN {column}
             WHEN length({column}) = 18 THEN replace({shown}, '{DOUBTFUL_LOOKALIKE}', '2') ELSE {shown} END"""


def _check_character(digits: str) -> str:
    terms = (f"{digits} // {10 ** (16 - place)} % 10 * {weight}" for place, weight in enumerate(WEIGHTS))
    return f"substr('{CHECK_CHARACTERS}', CAST(1 + ({' + '.join(terms)}) % 11 AS INTEGER), 1)"


def _other_number() -> str:
    """The telling part of a number that fits the form of its type, else NULL."""
    cases = []
    for kind, (form, telling) in FORMS.items():
        officer = kind is DocumentType.OFFICER
        number = f"translate(identity_tidy, '{OFFICER_WORDS}', '')" if officer else "identity_tidy"
        cases.append(
            f"WHEN identity_typed = '{kind}' AND regexp_full_match({number}, '{form}') THEN {number}[:{telling}]"
        )
    return f"CASE WHEN identity_body IS NULL THEN CASE {' '.join(cases)} END END"


def _is_birth_date(born: str, today: date) -> str:
    year, month, day = f"({born} // 10000)", f"({born} // 100 % 100)", f"({born} % 100)"
    leap = f"({year} % 4 = 0 AND ({year} % 100 <> 0 OR {year} % 400 = 0))"
    last = f"CASE WHEN {month} IN (4, 6, 9, 11) THEN 30 WHEN {month} <> 2 THEN 31 WHEN {leap} THEN 29 ELSE 28 END"
    return f"""{born} BETWEEN {EARLIEST_BIRTH:%Y%m%d} AND {today:%Y%m%d}
                AND {month} BETWEEN 1 AND 12 AND {day} BETWEEN 1 AND {last}"""


def _problem(today: date) -> str:
    nothing = ", ".join(_text(word) for word in NOTHING)
    known = ", ".join(_text(kind) for kind in DocumentType)
    return f"""CASE
        WHEN identity_tidy IN ({nothing}) THEN '{Problem.MISSING}'
        WHEN length(identity_tidy) >= {SHORTEST_COUNTING} AND starts_with('{COUNTING}', identity_tidy)
            OR identity_tidy = repeat(identity_tidy[1], length(identity_tidy)) THEN '{Problem.PLACEHOLDER}'
        WHEN identity_body IS NOT NULL THEN CASE
            WHEN NOT ({_is_birth_date("identity_born", today)}) THEN '{Problem.BIRTH_DATE}'
            WHEN length(identity_shown) = 18 AND identity_shown[18] <> identity_check THEN '{Problem.CHECK_DIGIT}'
            END
        WHEN identity_typed = '{DocumentType.CITIZEN_ID}' THEN CASE
            WHEN length(identity_shown) IN (15, 18) THEN '{Problem.CHARACTER}' ELSE '{Problem.LENGTH}' END
        WHEN identity_typed = '' THEN '{Problem.TYPE_MISSING}'
        WHEN identity_typed NOT IN ({known}) THEN '{Problem.TYPE_UNKNOWN}'
        WHEN identity_typed = '{DocumentType.HOUSEHOLD_BOOK}' THEN '{Problem.SHARED}'
        WHEN identity_other IS NOT NULL THEN NULL
        WHEN identity_typed = '{DocumentType.OTHER}' THEN '{Problem.UNSPECIFIC}'
        ELSE '{Problem.FORM}' END"""
