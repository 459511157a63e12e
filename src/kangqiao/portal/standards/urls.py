"""Routes of the data standard, below `/standards`."""

from django.urls import path

from kangqiao.portal.standards import terminology, views

urlpatterns = [
    path("", views.standards, name="standards"),
    path("contract.json", views.contract_json, name="standards-contract"),
    path("value-sets", views.all_value_sets, name="standards-value-sets"),
    path("value-sets/<str:identifier>", views.value_set, name="standards-value-set"),
    path("terminology", terminology.terminologies, name="terminologies"),
    path("terminology/<uuid:edition_id>", terminology.edition, name="terminology"),
    path("terminology/<uuid:edition_id>/changes", terminology.changes, name="terminology-changes"),
    path("changes", views.changes, name="standards-changes"),
    path("<slug:word>/compare", views.comparison, name="standards-comparison"),
    path("<slug:word>", views.data_set, name="standards-data-set"),
    path("<slug:word>.xlsx", views.template, name="standards-template"),
    path("<slug:word>.md", views.document, name="standards-document"),
    path("<slug:word>.json", views.data_set_json, name="standards-json"),
]
