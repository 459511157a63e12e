"""The receipt: what became of every row of a batch, as the sender gets it."""

from __future__ import annotations

from typing import Any

from kangqiao.intake.models import Batch, BatchState, Part, PartState
from kangqiao.standards.data_set import data_sets

_COUNTS = ("rows", "new", "changed", "unchanged", "stale", "refused", "warned")


def receipt_of(batch: Batch, parts: list[Part]) -> dict[str, Any]:
    """Return the receipt of a finished batch; the same batch always gives the same receipt."""
    assert batch.finished_at is not None
    totals = {count: sum(getattr(part, count) for part in parts) for count in _COUNTS}
    return {
        "batch": str(batch.id),
        "number": batch.number,
        "digest": batch.digest,
        "state": batch.state,
        "problem": batch.problem,
        "received_at": batch.received_at.isoformat(),
        "finished_at": batch.finished_at.isoformat(),
        "summary": _summary(batch, parts, totals),
        "totals": totals,
        "data_sets": [_part(part) for part in parts],
    }


def _part(part: Part) -> dict[str, Any]:
    known = data_sets().get(part.data_set)
    return {
        "data_set": part.data_set,
        "title": known.title if known else part.data_set,
        "file": part.file,
        "edition": part.edition,
        "state": part.state,
        "problem": part.problem,
        **{count: getattr(part, count) for count in _COUNTS},
        "findings": part.findings,
        "notes": part.notes,
    }


def _summary(batch: Batch, parts: list[Part], totals: dict[str, int]) -> str:
    if batch.state == BatchState.REFUSED:
        return f"整批退回：{(batch.problem or {}).get('message', '')}"
    whole = [part for part in parts if part.state == PartState.REFUSED]
    taken = totals["rows"] - totals["refused"]
    text = f"共 {totals['rows']} 行，入库 {taken} 行，退回 {totals['refused']} 行"
    return text + (f"；另有 {len(whole)} 份文件整份退回" if whole else "")
