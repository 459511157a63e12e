"""Routes of the issues, below `/quality/issues/`."""

from django.urls import path

from kangqiao.quality import issue_views as views

urlpatterns = [
    path("", views.issues, name="issues"),
    path("table.xlsx", views.issues_table, name="issues-table"),
    path("open", views.issues_open, name="issues-open"),
    path("new", views.issue_new, name="issue-new"),
    path("<uuid:issue_id>", views.issue, name="issue"),
    path("<uuid:issue_id>/rows", views.issue_rows, name="issue-rows"),
    path("<uuid:issue_id>/assign", views.issue_assign, name="issue-assign"),
    path("<uuid:issue_id>/accept", views.issue_accept, name="issue-accept"),
    path("<uuid:issue_id>/reopen", views.issue_reopen, name="issue-reopen"),
    path("<uuid:issue_id>/withdraw", views.issue_withdraw, name="issue-withdraw"),
    path("<uuid:issue_id>/answer", views.issue_answer, name="issue-answer"),
    path("<uuid:issue_id>/explain", views.issue_explain, name="issue-explain"),
]
