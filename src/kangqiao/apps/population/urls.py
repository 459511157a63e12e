"""Routes of the population pages, below `/population/`. They carry internal ids and codes of divisions only."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from kangqiao.apps.population import event_views, household_views, person_views, purposes, views
from kangqiao.apps.population.events import Kind


class DivisionCode(StringConverter):
    """The twelve digits of a division."""

    regex = r"[0-9]{12}"


class EventKind(StringConverter):
    """A kind of event: birth, death, move."""

    regex = "|".join(Kind)


register_converter(DivisionCode, "division")
register_converter(EventKind, "event")

app_name = "population"
urlpatterns = [
    path("", views.top, name="overview"),
    path("divisions", views.search, name="divisions"),
    path("divisions/<division:code>", views.overview, name="division"),
    path("divisions/<division:code>/table.xlsx", views.table, name="table"),
    path("households/", household_views.top, name="households"),
    path("households/<division:code>", household_views.households, name="division-households"),
    path("households/<division:code>/search", household_views.search, name="search-households"),
    path("households/<uuid:household_id>", household_views.household, name="household"),
    path("events/", event_views.top, name="events"),
    path("events/<division:code>/<event:kind>", event_views.events, name="division-events"),
    path("people/<uuid:resident_id>", person_views.person, name="person"),
    path("people/<uuid:resident_id>/whole", person_views.person_revealed, name="person-revealed"),
    path("purpose", purposes.choose_purpose, name="purpose"),
]
