"""The official FHIR R4 examples (npm `hl7.fhir.r4.examples`, CC0), and what became of them as a Chinese document."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "node_modules/hl7.fhir.r4.examples"
DOCUMENT = ROOT / "docs/fhir-examples.md"

TYPES = (
    "Organization",
    "Practitioner",
    "Patient",
    "Encounter",
    "Condition",
    "Observation",
    "DiagnosticReport",
    "MedicationRequest",
    "Procedure",
    "AllergyIntolerance",
    "Immunization",
)
"""In the order in which a hospital would send them: what others refer to comes first."""


@dataclass(frozen=True)
class Example:
    """One file of the package."""

    name: str
    content: bytes

    @property
    def resource(self) -> dict:
        return json.loads(self.content)


@dataclass
class Fate:
    """What became of one example, or of the entries of a Bundle: accepted ids and reason → refused ids."""

    kind: str
    accepted: list[str] = field(default_factory=list)
    refused: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def count(self) -> int:
        return len(self.accepted) + sum(map(len, self.refused.values()))


def examples(kind: str) -> Iterator[Example]:
    """Yield the examples of one type, by name."""
    if not FOLDER.is_dir():
        pytest.fail("the FHIR examples are missing: npm ci")
    for path in sorted(FOLDER.glob(f"{kind}-*.json")):
        content = path.read_bytes()
        if json.loads(content)["resourceType"] == kind:
            yield Example(path.stem, content)


def bundles() -> Iterator[Example]:
    """Yield the Bundles that have a resource of the named types among their entries."""
    for example in examples("Bundle"):
        kinds = {entry.get("resource", {}).get("resourceType") for entry in example.resource.get("entry", [])}
        if kinds.intersection(TYPES):
            yield example


def reasons(outcome: dict) -> str:
    """Return why a resource was refused: every error with the place it is about."""
    errors = [issue for issue in outcome["issue"] if issue["severity"] == "error"]
    return "；".join(f"{issue['diagnostics']} `{''.join(issue.get('expression', []))}`".strip() for issue in errors)


def document(singles: list[Fate], packed: list[tuple[str, str, Fate]]) -> str:
    """Return the page: a table per type, why what was refused, and the same of Bundles."""
    lines = [
        "# 官方 FHIR R4 示例的接收情况",
        "",
        "HL7 官方示例包 `hl7.fhir.r4.examples` 4.0.1（CC0）中各类资源逐个经 `POST /fhir` 送入，",
        "接收的已入库并逐字节读回，退回的列出原因。本页由 `tests/journeys/test_fhir_examples.py` 生成并核对"
        "（`KANGQIAO_WRITE_DOCS=1` 时重写），不手工修改。",
        "",
        "## 单个资源",
        "",
        "| 资源 | 示例 | 接收 | 退回 |",
        "| --- | ---: | ---: | ---: |",
    ]
    for fate in singles:
        lines.append(f"| {fate.kind} | {fate.count} | {len(fate.accepted)} | {fate.count - len(fate.accepted)} |")
    total, taken = sum(fate.count for fate in singles), sum(len(fate.accepted) for fate in singles)
    lines += [f"| 合计 | {total} | {taken} | {total - taken} |", "", "## 退回的原因", ""]
    for fate in singles:
        lines += [f"- **{fate.kind}** {why}：{'、'.join(names)}" for why, names in fate.refused.items()]
    lines += [
        "",
        "## Bundle",
        "",
        "含上述资源的 Bundle；transaction 整体生效或整体退回，collection 逐条处理。",
        "",
        "| Bundle | type | 条目 | 接收 | 退回的原因 |",
        "| --- | --- | ---: | ---: | --- |",
    ]
    for name, kind, fate in packed:
        why = "<br>".join(f"{reason}（{len(names)}）" for reason, names in fate.refused.items())
        lines.append(f"| {name} | {kind} | {fate.count} | {len(fate.accepted)} | {why} |")
    return "\n".join(lines) + "\n"
