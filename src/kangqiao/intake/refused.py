"""Refused rows as they are given back: each as it came, with its row number and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import duckdb

from kangqiao.intake.findings import REPEATED_MESSAGE
from kangqiao.intake.gate import Checked
from kangqiao.standards.checks import checks_of
from kangqiao.standards.data_set import DataSet
from kangqiao.standards.validation import CHECKS_PER_MASK, mask_columns, trimmed_sql


def refused_name(batch_id: UUID, data_set: str) -> str:
    """Return the store name of the refused rows of one data set of a batch."""
    return f"refused/{batch_id}/{data_set}.parquet"


def write_refused(
    session: duckdb.DuckDBPyConnection, data_set: type[DataSet], checked: Checked, targets: Mapping[int, Path]
) -> None:
    """Write refused rows as they came, each with its row number and what is wrong, to one Parquet file per place."""
    cells, given = checked.cells(targets)
    masks = ", ".join(mask_columns(data_set))
    session.execute(f"""
        CREATE OR REPLACE TEMPORARY TABLE refused_row AS
        SELECT batch_place, row_number, {_what_is_wrong(data_set)} AS findings, {trimmed_sql(data_set, given)}
        FROM ({cells})
        JOIN (SELECT batch_place, row_number, {masks}, repeats FROM {checked.relation} WHERE refused)
        USING (batch_place, row_number)""")
    for place, target in targets.items():
        came = ", ".join(f'r_{name} AS "{name}"' for name in checked.verdicts[place].columns)
        session.execute(f"""
            COPY (SELECT row_number, findings, {came} FROM refused_row WHERE batch_place = {place} ORDER BY row_number)
            TO '{target}' (FORMAT parquet, COMPRESSION zstd)""")


def _what_is_wrong(data_set: type[DataSet]) -> str:
    """Return the list of texts ``column|message`` for a refused row."""
    messages = []
    for start, name in enumerate(mask_columns(data_set)):
        base = start * CHECKS_PER_MASK
        for bit, check in enumerate(checks_of(data_set)[base : base + CHECKS_PER_MASK]):
            if check.refuses:
                text = f"{check.column}|{check.message}".replace("'", "''")
                messages.append(f"CASE WHEN {name} & {1 << bit}::BIGINT <> 0 THEN '{text}' END")
    messages.append(
        f"CASE WHEN repeats IS NOT NULL THEN 'source_key|{REPEATED_MESSAGE}（第 ' || repeats || ' 行）' END"
    )
    return f"list_filter([{', '.join(messages)}], lambda text: text IS NOT NULL)"
