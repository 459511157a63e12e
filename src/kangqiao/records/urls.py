"""Routes of the record view. They carry internal ids only."""

from django.urls import path

from kangqiao.records import views

app_name = "records"
urlpatterns = [
    path("residents/<uuid:resident_id>", views.record, name="record"),
    path("residents/<uuid:resident_id>/purpose", views.choose_purpose, name="purpose"),
    path("residents/<uuid:resident_id>/timeline", views.timeline, name="timeline"),
    path("residents/<uuid:resident_id>/documents", views.documents, name="documents"),
    path("residents/<uuid:resident_id>/laboratory-item", views.laboratory_item, name="laboratory-item"),
    path("residents/<uuid:resident_id>/themes/<slug:word>", views.theme, name="theme"),
    path("residents/<uuid:resident_id>/items/<slug:kind>/<uuid:id>", views.item, name="item"),
    path("residents/<uuid:resident_id>/items/<slug:kind>/<uuid:id>/original", views.original, name="original"),
    path("residents/<uuid:resident_id>/items/<slug:kind>/<uuid:id>/whole", views.item_revealed, name="item-revealed"),
]
