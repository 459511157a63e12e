"""Routes of the population pages, below `/population/`. They carry internal ids and codes of divisions only."""

from django.urls import path, register_converter

from kangqiao.apps.population import views


class DivisionCode:
    """The twelve digits of a division."""

    regex = r"[0-9]{12}"

    def to_python(self, value: str) -> str:
        """Return the code."""
        return value

    def to_url(self, value: str) -> str:
        """Return the code."""
        return value


register_converter(DivisionCode, "division")

app_name = "population"
urlpatterns = [
    path("", views.top, name="overview"),
    path("divisions", views.search, name="divisions"),
    path("divisions/<division:code>", views.overview, name="division"),
    path("divisions/<division:code>/table.xlsx", views.table, name="table"),
]
