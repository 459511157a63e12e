"""The words of the scoreboard's templates: `{% load quality %}`."""

import math
from datetime import date

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from kangqiao.quality.board import Rank
from kangqiao.quality.catalogue import QualityRule
from kangqiao.quality.rules import NOT_ASSESSABLE
from kangqiao.standards.data_set import data_sets

register = template.Library()
NOTHING = "—"


@register.filter
def score(value: float | None) -> str:
    """Return a score with two digits, cut off: only what is perfect is 100.00."""
    return NOT_ASSESSABLE if value is None else f"{math.floor(value * 100 + 1e-6) / 100:.2f}"


@register.filter
def share(value: float | None) -> str:
    """Return a percentage with two digits; what is there is never shown as nothing."""
    if value is None:
        return NOTHING
    return "<0.01%" if 0 < value < 0.005 else f"{value:.2f}%"


@register.filter
def change(value: float | None) -> str:
    """Return points gained or lost."""
    if value is None:
        return NOTHING
    return "持平" if abs(value) < 0.005 else f"{value:+.2f}"


@register.filter
def counted_change(value: int) -> str:
    """Return how many more or fewer."""
    return f"{value:+d}" if value else "持平"


@register.filter
def month(value: date) -> str:
    """Return a month: 2026年10月."""
    return f"{value.year}年{value.month}月"


@register.filter
def month_word(value: date) -> str:
    """Return a month as addresses write it: 2026-10."""
    return f"{value:%Y-%m}"


@register.filter
def moved(rank: Rank) -> str:
    """Return how a rank has moved since the month before."""
    if rank.moved is None:
        return NOTHING
    return f"升 {rank.moved} 位" if rank.moved > 0 else f"降 {-rank.moved} 位" if rank.moved < 0 else "不变"


@register.simple_tag
def bar(value: float | None) -> SafeString:
    """Return a score as a bar from 0 to 100; without one the bar is empty."""
    return format_html(
        '<svg class="kqq-bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
        '<rect width="{}" height="4"></rect></svg>',
        f"{value or 0:.2f}",
    )


@register.filter
def data_set_title(rule: QualityRule) -> str:
    """Return the title of a rule's data set."""
    return data_sets()[rule.data_set].title
