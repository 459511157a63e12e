"""OperationOutcome: what FHIR answers when something is to be said about a request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from kangqiao.formats.fhir.mapping import Problem

ELEMENT_SYSTEM = "urn:kangqiao:element"
"""Codes ``data-set.column`` of the intake contract."""

_ENCODER = msgspec.json.Encoder()


def outcome(problems: Iterable[Problem]) -> dict[str, Any]:
    """Return an OperationOutcome that says everything there is to say."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(problem) for problem in problems]}


def outcome_bytes(problems: Iterable[Problem]) -> bytes:
    """Return an OperationOutcome as it goes over the wire."""
    return _ENCODER.encode(outcome(problems))


def _issue(problem: Problem) -> dict[str, Any]:
    issue: dict[str, Any] = {
        "severity": problem.severity,
        "code": problem.code,
        "diagnostics": problem.message,
    }
    if problem.expression:
        issue["expression"] = [problem.expression]
    if problem.element:
        issue["details"] = {"coding": [{"system": ELEMENT_SYSTEM, "code": problem.element}], "text": problem.message}
    return issue
