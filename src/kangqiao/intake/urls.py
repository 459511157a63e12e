"""Routes of intake, below `/intake/`."""

from django.urls import path

from kangqiao.intake import views

app_name = "intake"
urlpatterns = [
    path("", views.batches, name="batches"),
    path("submit", views.submit, name="submit"),
    path("<uuid:batch_id>", views.batch, name="batch"),
    path("<uuid:batch_id>/receipt.json", views.receipt, name="receipt"),
    path("<uuid:batch_id>/refused.xlsx", views.download_all, name="refused-all"),
    path("<uuid:batch_id>/refused/<slug:word>", views.refused, name="refused"),
    path("<uuid:batch_id>/refused/<slug:word>.xlsx", views.download, name="refused-download"),
]
