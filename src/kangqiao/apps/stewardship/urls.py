"""Routes of the review desk, below `/stewardship/`. They carry internal ids only."""

from django.urls import path

from kangqiao.apps.stewardship import correction_views, decision_views, queue_views

app_name = "stewardship"
urlpatterns = [
    path("", queue_views.queue, name="queue"),
    path("search", queue_views.search, name="search"),
    path("proposed", queue_views.proposed, name="proposed"),
    path("undo", queue_views.undo, name="undo"),
    path("doubts/<uuid:doubt_id>", queue_views.doubt, name="doubt"),
    path("doubts/<uuid:doubt_id>/answer", queue_views.answer, name="answer"),
    path("decisions", decision_views.decisions, name="decisions"),
    path("decisions/sample", decision_views.sample, name="sample"),
    path("decisions/<uuid:decision_id>", decision_views.decision, name="decision"),
    path("decisions/<uuid:decision_id>/undo", decision_views.undo_one, name="undo-decision"),
    path("decisions/<uuid:decision_id>/check", decision_views.check, name="check"),
    path("corrections", correction_views.corrections, name="corrections"),
    path("corrections/new/<uuid:resident_id>", correction_views.new, name="correction-new"),
    path("corrections/<uuid:request_id>", correction_views.correction, name="correction"),
    path("corrections/<uuid:request_id>/decide", correction_views.decide, name="decide-correction"),
    path("corrections/<uuid:request_id>/tell", correction_views.tell, name="tell-institution"),
    path("corrections/<uuid:request_id>/withdraw", correction_views.take_back, name="withdraw-correction"),
]
