"""Log lines for machines: one JSON object each, without personal data."""

import json
import logging
import traceback
from datetime import UTC, datetime

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "request", "status_code"}
OWN = "kangqiao"


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object: time, level, logger, message, what `extra` named, and the error.

    The message of an error appears only when the error is one of ours: a driver's text may quote a row, and
    rows never enter a log. Of others the class, SQLSTATE, constraint and the places in the code are kept.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
        }
        line |= {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
        if record.exc_info and record.exc_info[1]:
            line["error"] = describe(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


def describe(error: BaseException) -> dict[str, object]:
    """Return what may be written down about an error: never a value out of a row."""
    kind = type(error)
    facts: dict[str, object] = {"kind": f"{kind.__module__}.{kind.__qualname__}"}
    if kind.__module__.split(".")[0] == OWN:
        facts["text"] = str(error)
    diagnosis = getattr(error, "diag", None)
    if diagnosis is not None:
        facts["sqlstate"] = diagnosis.sqlstate
        facts["constraint"] = diagnosis.constraint_name
    frames = traceback.extract_tb(error.__traceback__)
    facts["places"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    if error.__cause__ is not None:
        facts["cause"] = describe(error.__cause__)
    return facts


def _message(record: logging.LogRecord) -> str:
    """Return the message; of other packages the first line only, since asyncio appends the text of errors."""
    text = record.getMessage()
    return text if record.name.split(".")[0] == OWN else text.split("\n", 1)[0]
