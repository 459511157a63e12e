"""What the pages of intake show of a batch: words, colours and bars instead of columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kangqiao.intake.excel import titles_of, unreadable_lines
from kangqiao.intake.models import Batch, BatchState, Part, PartState
from kangqiao.standards.data_set import data_sets

Badge = tuple[str, str]

FATES = {
    "new": "新增",
    "changed": "更正",
    "unchanged": "未变",
    "stale": "旧版存档",
    "refused": "退回",
}
"""What became of the rows, in the order of the bars."""

STAGES = {
    "read": "读取",
    "check": "检查",
    "keys": "查找已有主键",
    "patients": "识别患者",
    "copy": "写入新行",
    "merge": "合并更正",
}

BAR = 1000
"""Units of a bar's width."""

_STATES = {
    BatchState.RECEIVED: "info",
    BatchState.PROCESSING: "info",
    BatchState.COMPLETED: "ok",
    BatchState.REFUSED: "bad",
}
_PART_STATES = {PartState.WAITING: "info", PartState.STORED: "ok", PartState.REFUSED: "bad"}

_NO_MANIFEST = "清单 manifest.json 由导出程序生成，写明机构、批次号和每个文件的行数、摘要；Excel 数据请直接上传 .xlsx。"
ADVICE = {
    "archive": "请重新打包，不要加密码，传输完整后再报。",
    "manifest-missing": _NO_MANIFEST,
    "manifest": _NO_MANIFEST,
    "sender-unknown": "请联系平台数据管理员登记机构，或改正清单中的机构代码。",
    "contract-newer": "请按平台“数据标准”页面上的版本导出。",
    "data-set-unknown": "请对照平台“数据标准”页面核对数据集名称。",
    "digest": "请不要在生成清单之后再改动数据文件；重新打包后再报。",
}


"""What to do about a batch refused as a whole, where its message does not say it yet."""


def state_of(batch: Batch, refused: int) -> Badge:
    """Return a batch's state as (word, badge)."""
    if batch.state == BatchState.COMPLETED and refused:
        return "已完成，有退回", "warn"
    return str(BatchState(batch.state).label), _STATES[BatchState(batch.state)]


@dataclass(frozen=True)
class Segment:
    """A piece of a bar: from ``x``, ``width`` wide, both in units of `BAR`."""

    fate: str
    label: str
    rows: int
    x: float
    width: float


@dataclass(frozen=True)
class PartShown:
    """One data set of a batch as the pages show it."""

    part: Part
    title: str
    state: Badge
    segments: tuple[Segment, ...]
    findings: tuple[dict[str, Any], ...]
    readable_refused: int
    stages: tuple[tuple[str, float], ...]

    @property
    def says_something(self) -> bool:
        """Whether there is more to say of it than its counts."""
        return bool(self.part.problem or self.findings or self.part.notes)


def shown_parts(parts: Iterable[Part]) -> list[PartShown]:
    """Return the parts as the pages show them; all bars have one scale only within themselves."""
    return [_shown(part) for part in parts]


def _shown(part: Part) -> PartShown:
    data_set = data_sets().get(part.data_set)
    titles = titles_of(data_set) if data_set else {}
    state = "已入库，有退回" if part.state == PartState.STORED and part.refused else str(PartState(part.state).label)
    badge = "warn" if part.state == PartState.STORED and part.refused else _PART_STATES[PartState(part.state)]
    return PartShown(
        part=part,
        title=title_of(part.data_set),
        state=(state, badge),
        segments=tuple(_segments(part)),
        findings=tuple(each | {"title": titles.get(each["column"], "整行")} for each in part.findings),
        readable_refused=part.refused - unreadable_lines(part),
        stages=tuple((label, part.seconds[stage]) for stage, label in STAGES.items() if stage in part.seconds),
    )


def title_of(data_set: str) -> str:
    """Return a data set's Chinese title, or the word a sender used where there is no such data set."""
    known = data_sets().get(data_set)
    return known.title if known else data_set


def _segments(part: Part) -> Iterator[Segment]:
    x = 0.0
    for fate, label in FATES.items():
        rows = getattr(part, fate)
        if rows:
            width = BAR * rows / part.rows
            yield Segment(fate, label, rows, round(x, 2), round(width, 2))
            x += width


@dataclass(frozen=True)
class Advance:
    """How far a batch in work has come, in rows."""

    done: int
    total: int


def advance_of(batch: Batch, parts: Iterable[Part]) -> Advance:
    """Return how many of the rows the manifest lists are in finished parts."""
    listed = {entry["data_set"]: entry["rows"] for entry in (batch.manifest or {}).get("data_sets", ())}
    finished = (part.data_set for part in parts if part.state != PartState.WAITING)
    return Advance(sum(listed.get(word, 0) for word in finished), sum(listed.values()))
