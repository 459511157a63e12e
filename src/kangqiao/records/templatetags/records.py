"""Words of the record view's templates: `{% load records %}`."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from kangqiao.records.laboratory import Item
from kangqiao.standards.conditions import CITY_TIME

register = template.Library()

SPARK_WIDTH, SPARK_HEIGHT = 96, 24


@register.filter
def lookup(table: dict[Any, Any] | None, key: Any) -> Any:
    """Return a table's value for a key, "" without one."""
    return table.get(key, "") if table else ""


@register.filter
def clock(value: Any) -> str:
    """Return the time of day in the city, nothing at midnight: sources that know the day only send that."""
    local = value.astimezone(CITY_TIME)
    return "" if (local.hour, local.minute) == (0, 0) else local.strftime("%H:%M")


@register.simple_tag
def spark(item: Item) -> SafeString:
    """Return a small line of an item's numbers, the reference range of the newest behind it."""
    numbers = [result.value for result in item.numbers if result.value is not None]
    if len(numbers) < 2:
        return SafeString("")
    low, high = item.latest.low, item.latest.high
    bounds = [*numbers, *(bound for bound in (low, high) if bound is not None)]
    scale = _scale(bounds)
    band = format_html(
        '<rect class="kq-spark-band" x="0" y="{}" width="{}" height="{}"/>',
        *_band(scale(high if high is not None else max(bounds)), scale(low if low is not None else min(bounds))),
    )
    points = _points(numbers, scale)
    last = points[-1]
    return format_html(
        '<svg class="kq-spark" viewBox="0 0 {} {}" aria-hidden="true">{}<polyline points="{}"/>'
        '<circle cx="{}" cy="{}" r="2.5"/></svg>',
        SPARK_WIDTH,
        SPARK_HEIGHT,
        band if low is not None or high is not None else "",
        " ".join(f"{x},{y}" for x, y in points),
        *last,
    )


def _scale(bounds: Sequence[float]) -> Any:
    lowest, highest = min(bounds), max(bounds)
    span = (highest - lowest) or 1
    return lambda value: round(SPARK_HEIGHT - 3 - (value - lowest) / span * (SPARK_HEIGHT - 6), 1)


def _band(top: float, bottom: float) -> tuple[float, int, float]:
    return top, SPARK_WIDTH, max(round(bottom - top, 1), 0.5)


def _points(numbers: Sequence[float], scale: Any) -> list[tuple[float, float]]:
    step = (SPARK_WIDTH - 6) / (len(numbers) - 1)
    return [(round(3 + index * step, 1), scale(value)) for index, value in enumerate(numbers)]
