"""Routes of the scoreboard and, below `issues/`, of the issues: all below `/quality/`."""

from django.urls import include, path, register_converter

from kangqiao.quality import views
from kangqiao.quality.converters import PlaceConverter, RuleConverter

register_converter(PlaceConverter, "place")
register_converter(RuleConverter, "rule")

app_name = "quality"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("<place:place>", views.board, name="place"),
    path("<place:place>/table.xlsx", views.board_table, name="place-table"),
    path("<place:place>/<slug:word>", views.data_set, name="data-set"),
    path("<place:place>/<slug:word>/table.xlsx", views.data_set_table, name="data-set-table"),
    path("<place:place>/<slug:word>/<rule:rule>", views.rule, name="rule"),
    path("<place:place>/<slug:word>/<rule:rule>/table.xlsx", views.rule_table, name="rule-table"),
    path("<place:place>/<slug:word>/<rule:rule>/rows", views.rows, name="rows"),
    path("issues/", include("kangqiao.quality.issue_urls")),
]
