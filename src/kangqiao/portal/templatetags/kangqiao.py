"""The words templates are written in: `{% load kangqiao %}`. Documented in docs/design-system.md."""

from datetime import date, datetime
from functools import cache
from typing import Any

from django import template
from django.core.paginator import Page
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect, Select
from django.http import QueryDict
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from kangqiao.infra.paging import KeyPage
from kangqiao.trust import masking
from kangqiao.trust.actions import Action, Outcome

register = template.Library()
NOTHING = "—"
BADGES = frozenset({"ok", "warn", "bad", "info", "plain"})
OUTCOME_BADGES = {Outcome.DONE: "ok", Outcome.REFUSED: "warn", Outcome.FAILED: "bad"}
NOTES = {
    "success": "circle-check",
    "warning": "alert-triangle",
    "error": "alert-circle",
    "info": "info-circle",
}


# -- text ----------------------------------------------------------------------------------------------------------


@register.filter
def moment(value: datetime | None) -> str:
    """Return a moment as the clock in Shanghai shows it: 2026-11-03 14:05."""
    return timezone.localtime(value).strftime("%Y-%m-%d %H:%M") if value else NOTHING


@register.filter
def moment_exact(value: datetime | None) -> str:
    """Return a moment to the second: 2026-11-03 14:05:09."""
    return timezone.localtime(value).strftime("%Y-%m-%d %H:%M:%S") if value else NOTHING


@register.filter
def day(value: date | datetime | None) -> str:
    """Return a day: 2026-11-03; of a moment, the day in Shanghai."""
    if not value:
        return NOTHING
    return (timezone.localtime(value) if isinstance(value, datetime) else value).strftime("%Y-%m-%d")


@register.filter
def masked_name(value: str | None) -> str:
    """Return a name with its middle hidden."""
    return masking.masked_name(value) if value else NOTHING


@register.filter
def masked_number(value: str | None) -> str:
    """Return an identity, card or telephone number with its middle hidden."""
    return masking.masked_number(value) if value else NOTHING


@register.filter
def masked_address(value: str | None) -> str:
    """Return an address down to the township."""
    return masking.masked_address(value) if value else NOTHING


@register.filter
def action(word: str) -> str:
    """Return the Chinese title of an audit entry's action."""
    return dict(Action.choices).get(word, word)


@register.filter
def short(identifier: str) -> str:
    """Return the end of a long internal id, enough to tell neighbours apart."""
    return f"…{identifier[-8:]}" if len(identifier) > 12 else identifier


# -- small things --------------------------------------------------------------------------------------------------


@register.simple_tag
def icon(name: str) -> SafeString:
    """Return a drawing of the sprite `portal/icons.svg`; it is decoration, the words stand beside it."""
    return format_html('<svg class="kq-icon" aria-hidden="true"><use href="{}#{}"></use></svg>', _sprite(), name)


@cache
def _sprite() -> str:
    """Return the sprite's address, looked up once: a page has a hundred icons."""
    return static("portal/icons.svg")


@register.simple_tag
def badge(text: str, kind: str = "plain") -> SafeString:
    """Return a status: a word in one of five colours (ok, warn, bad, info, plain)."""
    if kind not in BADGES:
        raise template.TemplateSyntaxError(f"badge: {kind!r} is none of {sorted(BADGES)}")
    return format_html('<span class="kq-badge kq-badge-{}">{}</span>', kind, text)


@register.simple_tag
def outcome(word: str) -> SafeString:
    """Return how an act ended, as a badge."""
    return badge(str(Outcome(word).label), OUTCOME_BADGES[Outcome(word)])


@register.simple_tag
def progress(label: str, value: float, maximum: float) -> SafeString:
    """Return a bar with its percentage; a maximum of 0 counts as nothing done."""
    share = min(100, int(100 * value / maximum)) if maximum else 0
    return format_html(
        '<div class="kq-progress"><label>{}</label><progress max="100" value="{}" aria-label="{}"></progress>'
        "<span>{}%</span></div>",
        label,
        share,
        label,
        share,
    )


@register.inclusion_tag("portal/part/chart.html")
def chart(name: str, data: dict[str, Any], title: str = "") -> dict[str, Any]:
    """Return a line chart of `{"unit", "normal": [low, high], "series": [{"name", "points": [[moment, value]]}]}`.

    `"ends": [least, most]` fixes the ends of the axis, None leaves one to the values; `"words": True` says that points
    stand at words and not at moments.

    `name` is unique on the page. The page loads the script once: `{% block scripts %}{% charts %}{% endblock %}`.
    """
    return {"name": name, "data": data, "title": title}


@register.inclusion_tag("portal/part/charts.html")
def charts() -> dict[str, Any]:
    """Return the scripts that draw the page's charts."""
    return {}


@register.inclusion_tag("portal/part/note.html")
def note(kind: str, text: str) -> dict[str, Any]:
    """Return a message box: success, warning, error or info."""
    return {"kind": kind, "icon": NOTES[kind], "text": text}


@register.inclusion_tag("portal/part/messages.html")
def flash(messages: Any) -> dict[str, Any]:
    """Return what Django's messages say once."""
    return {"notes": [(message.level_tag, message) for message in messages]}


@register.inclusion_tag("portal/part/empty.html")
def empty(name: str, title: str, text: str = "") -> dict[str, Any]:
    """Return the state of a list with nothing in it: an icon, what is missing, what to do."""
    return {"icon": name, "title": title, "text": text}


@register.inclusion_tag("portal/part/crumbs.html")
def crumbs(*steps: str) -> dict[str, Any]:
    """Return the path to a page: `{% crumbs "账号管理" "portal:accounts" "新建账号" %}`, home first.

    Titles and routes take turns; the last title, the page itself, has no route.
    """
    links = [(title, reverse(route)) for title, route in zip(steps[:-1:2], steps[1::2], strict=True)]
    return {"links": links, "here": steps[-1]}


# -- forms ---------------------------------------------------------------------------------------------------------


@register.inclusion_tag("portal/part/field.html")
def field(bound: BoundField) -> dict[str, Any]:
    """Return a form's field with label, required mark, control, help and error."""
    widget = bound.field.widget
    if isinstance(widget, CheckboxSelectMultiple | RadioSelect):
        return {"field": bound, "kind": "choices"}
    if isinstance(widget, CheckboxInput):
        return {"field": bound, "kind": "switch"}
    style = "form-select" if isinstance(widget, Select) else "form-control"
    return {"field": bound, "kind": "control", "control": bound.as_widget(attrs={"class": style})}


# -- tables --------------------------------------------------------------------------------------------------------


@register.inclusion_tag("portal/part/sort.html", takes_context=True)
def sort(context: template.Context, column: str, title: str) -> dict[str, Any]:
    """Return a column's head that sorts by `?sort=column`, and backwards by `?sort=-column`."""
    request = context["request"]
    now = context.get("sort") or request.GET.get("sort", "")
    rising = now == column
    falling = now == f"-{column}"
    query = request.GET.copy()
    query["sort"] = f"-{column}" if rising else column
    query.pop("page", None)
    return {
        "title": title,
        "url": "?" + query.urlencode(),
        "state": "ascending" if rising else "descending" if falling else "none",
    }


@register.inclusion_tag("portal/part/paging.html", takes_context=True)
def paging(context: template.Context, page: Page | KeyPage) -> dict[str, Any]:
    """Return the links to other pages: of Django's `Page` by `?page=`, of a `KeyPage` by `?after=`."""
    query: QueryDict = context["request"].GET
    if isinstance(page, KeyPage):
        first = _url(query, after=None) if query.get("after") else None
        return {"first": first, "next": _url(query, after=page.next_key) if page.next_key else None}
    return {
        "page": page,
        "previous": _url(query, page=page.previous_page_number()) if page.has_previous() else None,
        "next": _url(query, page=page.next_page_number()) if page.has_next() else None,
    }


def _url(query: QueryDict, **changes: object) -> str:
    changed = query.copy()
    for name, value in changes.items():
        changed.pop(name, None)
        if value is not None:
            changed[name] = str(value)
    return "?" + changed.urlencode()
