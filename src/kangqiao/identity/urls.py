"""Routes of identity."""

from django.urls import path

from kangqiao.identity import views

app_name = "identity"
urlpatterns = [
    path("", views.find, name="find"),
]
