"""No page is open to strangers by accident: every route names a permission or is on the short public list."""

import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

import kangqiao
from kangqiao.portal.navigation import DESTINATIONS, HOME
from kangqiao.portal.templatetags import kangqiao as library
from kangqiao.trust.http import PUBLIC, EveryRouteNamesItsPermission
from kangqiao.trust.permissions import PERMISSIONS_OF, Permission

SOURCE = Path(kangqiao.__file__).parent
PUBLIC_ROUTES = {"portal:sign-in", "portal:health"}


def routes(resolver: URLResolver, space: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, f"{space}{pattern.namespace}:" if pattern.namespace else space)
        else:
            yield f"{space}{pattern.name}", pattern


ROUTES = dict(routes(get_resolver()))


def test_every_route_has_a_name_and_names_a_permission():
    assert all(not name.endswith("None") for name in ROUTES)
    unmarked = [name for name, pattern in ROUTES.items() if not hasattr(pattern.callback, "permission")]
    assert unmarked == []


def test_only_signing_in_and_the_health_check_are_public():
    assert {name for name, pattern in ROUTES.items() if pattern.callback.permission == PUBLIC} == PUBLIC_ROUTES


def test_every_permission_of_a_route_is_held_by_some_role():
    held = frozenset().union(*PERMISSIONS_OF.values())
    for name, pattern in ROUTES.items():
        if pattern.callback.permission != PUBLIC:
            assert Permission(pattern.callback.permission) in held, name


def test_a_view_without_a_mark_is_never_run():
    middleware = f"{EveryRouteNamesItsPermission.__module__}.{EveryRouteNamesItsPermission.__qualname__}"
    order = settings.MIDDLEWARE
    assert order.index("django.contrib.auth.middleware.AuthenticationMiddleware") < order.index(middleware)


def test_the_navigation_shows_a_page_to_exactly_those_who_may_open_it():
    for destination in (HOME, *DESTINATIONS):
        assert ROUTES[destination.route].callback.permission == destination.permission


def test_every_icon_a_page_uses_is_in_the_sprite():
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (SOURCE / "portal/static/portal/icons.svg").read_text()))
    named = {each.icon for each in (HOME, *DESTINATIONS)}
    for template in SOURCE.rglob("templates/**/*.html"):
        named |= set(re.findall(r'\{% (?:icon|empty) "([^"]+)"', template.read_text()))
    assert named <= drawn


def test_no_page_carries_a_script_or_style_of_its_own():
    for template in SOURCE.rglob("templates/**/*.html"):
        text = template.read_text()
        assert not re.search(
            r"<style|\sstyle=|\son(?:click|change|input|submit|load|error|key\w+|focus|blur)=|<script(?![^>]*\ssrc=)",
            text,
        ), template
        assert "//" not in re.sub(r"\{#.*?#\}", "", text).replace("http://www.w3.org", ""), template


def test_the_design_document_names_every_word_of_templates():
    document = (SOURCE.parents[1] / "docs/design-system.md").read_text()
    words = library.register
    assert [name for name in words.tags if f"{{% {name} " not in document] == []
    assert [name for name in words.filters if f"|{name} }}}}" not in document.replace("\\|", "|")] == []
