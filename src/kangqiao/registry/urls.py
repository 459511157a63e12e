"""Routes of the registry."""

from django.urls import path

from kangqiao.registry import views

app_name = "registry"
urlpatterns = [
    path("institutions", views.institutions, name="institutions"),
    path("institutions/<int:institution_id>", views.institution, name="institution"),
    path("divisions", views.divisions, name="divisions"),
    path("divisions/<str:code>", views.division, name="division"),
    path("imports/new", views.bring, name="bring"),
    path("imports/template.xlsx", views.empty_workbook, name="template"),
    path("imports/<uuid:import_id>", views.brought, name="brought"),
    path("imports/<uuid:import_id>/confirm", views.confirm, name="confirm"),
]
