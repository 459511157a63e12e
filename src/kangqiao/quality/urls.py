"""Routes of the scoreboard, below `reports/` of reports, below `issues/` of issues: all below `/quality/`."""

from django.urls import include, path, register_converter

from kangqiao.quality import views
from kangqiao.quality.converters import PlaceConverter, RuleConverter
from kangqiao.quality.reports import views as report_views
from kangqiao.quality.reports.services import Form

register_converter(PlaceConverter, "place")
register_converter(RuleConverter, "rule")

app_name = "quality"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("reports/", report_views.reports, name="reports"),
    path("reports/<place:place>/report.pdf", report_views.report, {"form": Form.PDF}, name="report-pdf"),
    path("reports/<place:place>/report.xlsx", report_views.report, {"form": Form.WORKBOOK}, name="report-workbook"),
    path("reports/<place:place>/institutions.zip", report_views.archive, name="report-archive"),
    path("<place:place>", views.board, name="place"),
    path("<place:place>/table.xlsx", views.board_table, name="place-table"),
    path("<place:place>/<slug:word>", views.data_set, name="data-set"),
    path("<place:place>/<slug:word>/table.xlsx", views.data_set_table, name="data-set-table"),
    path("<place:place>/<slug:word>/<rule:rule>", views.rule, name="rule"),
    path("<place:place>/<slug:word>/<rule:rule>/table.xlsx", views.rule_table, name="rule-table"),
    path("<place:place>/<slug:word>/<rule:rule>/rows", views.rows, name="rows"),
    path("issues/", include("kangqiao.quality.issue_urls")),
]
