"""Routes of the data standard, below `/standards`."""

from django.urls import path

from kangqiao.portal.standards import views

urlpatterns = [
    path("", views.standards, name="standards"),
    path("contract.json", views.contract_json, name="standards-contract"),
    path("value-sets", views.all_value_sets, name="standards-value-sets"),
    path("value-sets/<str:identifier>", views.value_set, name="standards-value-set"),
    path("<slug:word>", views.data_set, name="standards-data-set"),
    path("<slug:word>.xlsx", views.template, name="standards-template"),
    path("<slug:word>.md", views.document, name="standards-document"),
    path("<slug:word>.json", views.data_set_json, name="standards-json"),
]
