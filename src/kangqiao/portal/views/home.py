"""The home page, and the answer to whoever asks whether the site is alive."""

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from kangqiao.portal.navigation import destinations_of
from kangqiao.portal.places import institution_names, place_of
from kangqiao.quality.issue_queries import IssuesWaiting, what_waits
from kangqiao.trust.actors import Actor
from kangqiao.trust.http import permission_required, public, request_actor
from kangqiao.trust.permissions import Permission
from kangqiao.trust.queries import AuditFilter, audit_entries

RECENT = 6


@permission_required(Permission.SESSION_USE)
def home(request: HttpRequest) -> HttpResponse:
    """Show where one may go, and one's own latest acts: a stranger's use of the account would stand out."""
    actor = request_actor(request)
    context = {
        "title": "工作台",
        "greeting": _greeting(timezone.localtime().hour),
        "institution": place_of(actor.institution_id, institution_names([actor.institution_id])),
        "destinations": destinations_of(actor),
        "issues": _issues(actor),
        "answers_issues": actor.may(Permission.QUALITY_ANSWER),
        "recent": audit_entries(AuditFilter(actor_id=actor.id))[:RECENT],
    }
    return render(request, "portal/home.html", context)


def _issues(actor: Actor) -> IssuesWaiting | None:
    """Return what waits of the actor's issues, None where nothing does or the actor sees none."""
    if not actor.may(Permission.QUALITY_READ):
        return None
    waiting = what_waits(actor=actor, today=timezone.localdate())
    return waiting if waiting.waiting or waiting.answered else None


@public
def health(request: HttpRequest) -> HttpResponse:
    """Answer `ok` when the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok", content_type="text/plain")


def _greeting(hour: int) -> str:
    if hour < 5:
        return "夜深了"
    if hour < 12:
        return "上午好"
    return "下午好" if hour < 18 else "晚上好"
