"""Refused rows as they are given back: each as it came, with its row number and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import duckdb

from kangqiao.intake.findings import REPEATED_MESSAGE
from kangqiao.intake.gate import Checked
from kangqiao.standards.data_set import DataSet
from kangqiao.standards.validation import failed_checks, mask_columns, trimmed_sql


def refused_name(batch_id: UUID, data_set: str) -> str:
    """Return the store name of the refused rows of one data set of a batch."""
    return f"refused/{batch_id}/{data_set}.parquet"


def write_refused(
    session: duckdb.DuckDBPyConnection, data_set: type[DataSet], checked: Checked, targets: Mapping[int, Path]
) -> None:
    """Write refused rows as they came, each with its row number and what is wrong, to one Parquet file per place."""
    _explain(session, data_set, checked)
    masks = ", ".join(mask_columns(data_set))
    repeated = f"'source_key|{REPEATED_MESSAGE}（第 ' || repeats || ' 行）'"
    session.execute(f"""
        CREATE OR REPLACE TEMPORARY TABLE refused_row AS
        SELECT batch_place, row_number, {trimmed_sql(data_set, checked.given())},
            CASE WHEN repeats IS NULL THEN texts ELSE list_append(texts, {repeated}) END AS what
        FROM {checked.arrived}
        JOIN (SELECT batch_place, row_number, {masks}, repeats FROM {checked.relation} WHERE refused)
        USING (batch_place, row_number) JOIN explanation USING ({masks})""")
    for place, target in targets.items():
        came = ", ".join(f'r_{name} AS "{name}"' for name in checked.verdicts[place].columns)
        session.execute(f"""
            COPY (SELECT row_number, what AS findings, {came}
                  FROM refused_row WHERE batch_place = {place} ORDER BY row_number)
            TO '{target}' (FORMAT parquet, COMPRESSION zstd)""")


def _explain(session: duckdb.DuckDBPyConnection, data_set: type[DataSet], checked: Checked) -> None:
    """Make the table ``explanation``: for bits that occur, the texts ``column|message`` of the refusing checks."""
    masks = mask_columns(data_set)
    found = session.execute(f"SELECT DISTINCT {', '.join(masks)} FROM {checked.relation} WHERE refused").fetchall()
    texts = [
        [f"{check.column}|{check.message}" for check in failed_checks(data_set, bits) if check.refuses]
        for bits in found
    ]
    columns = ", ".join(f"unnest(?::BIGINT[]) AS {name}" for name in masks)
    session.execute(
        f"CREATE OR REPLACE TEMPORARY TABLE explanation AS SELECT {columns}, unnest(?::VARCHAR[][]) AS texts",
        [*([bits[place] for bits in found] for place in range(len(masks))), texts],
    )
