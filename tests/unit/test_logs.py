"""Log lines are JSON and hold no row of the database."""

import json
import logging
import sys

import pytest

from kangqiao.infra.errors import PostgresError
from kangqiao.infra.logs import JsonLines
from kangqiao.wiring.web import noting_failures


def _line(error: BaseException | None = None, *, logger: str = "kangqiao.intake", text: str = "done", **extra):
    caught = None
    if error:
        try:
            raise error
        except type(error):
            caught = sys.exc_info()
    record = logging.getLogger(logger).makeRecord(logger, logging.ERROR, "", 0, text, (), caught, extra=extra)
    return json.loads(JsonLines().format(record))


def test_a_line_names_time_level_logger_and_extras():
    line = _line(batch="0198")
    assert (line["level"], line["logger"], line["message"], line["batch"]) == (
        "ERROR",
        "kangqiao.intake",
        "done",
        "0198",
    )
    assert line["time"].endswith("+00:00")


def test_the_text_of_a_foreign_error_is_left_out_but_its_place_is_kept():
    error = _line(ValueError("张三 53090119850101123X"))["error"]
    assert "53090119850101123X" not in json.dumps(error, ensure_ascii=False)
    assert error["kind"] == "builtins.ValueError"
    assert "_line" in error["places"][0]


def test_the_text_of_our_own_error_is_kept():
    assert _line(PostgresError("数据库启动失败"))["error"]["text"] == "数据库启动失败"


def test_the_second_line_of_a_foreign_message_is_left_out():
    assert _line(logger="asyncio", text="Task failed\nValueError('张三')")["message"] == "Task failed"


def test_a_request_that_fails_is_written_down_with_its_place_and_without_its_values(caplog):
    async def fails(scope, receive, send):
        raise ValueError("张三 53090119850101123X")

    with pytest.raises(ValueError, match="张三"):
        noting_failures(fails)({}, None, None).send(None)  # it fails before it waits
    line = JsonLines().format(caplog.records[-1])
    assert "fails" in line
    assert "张三" not in line
