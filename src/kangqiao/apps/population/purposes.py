"""Why named people are looked at: asked once in a session, before the first name is shown."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from kangqiao.apps.population.rules import PURPOSES, read_purpose
from kangqiao.trust.actions import Purpose
from kangqiao.trust.http import permission_required, request_actor
from kangqiao.trust.permissions import Permission

PURPOSE = "population-purpose"

View = Callable[..., HttpResponse]


def for_a_purpose(view: View) -> View:
    """Ask for the purpose at the first reading of a session; hand `actor` and `purpose` to the view."""

    @wraps(view)
    def asked(request: HttpRequest, **arguments: Any) -> HttpResponse:
        purpose = read_purpose(request.session.get(PURPOSE))
        if purpose is None:
            return _ask(request)
        return view(request, actor=request_actor(request), purpose=purpose, **arguments)

    return asked


@permission_required(Permission.PERSON_READ)
def choose_purpose(request: HttpRequest) -> HttpResponse:
    """Ask why people are looked at, or remember the answer for this session and lead on."""
    onward = _own_address(request.POST.get("next") or request.GET.get("next"))
    purpose = read_purpose(request.POST.get("purpose"))
    if request.method == "POST" and purpose:
        request.session[PURPOSE] = purpose.value
        return redirect(onward)
    chosen = read_purpose(request.session.get(PURPOSE)) or Purpose.OPERATION
    context = {"title": "查看目的", "purposes": PURPOSES, "chosen": chosen, "onward": onward}
    return render(request, "population/purpose.html", context)


def _ask(request: HttpRequest) -> HttpResponse:
    onward = request.get_full_path() if request.method == "GET" else reverse("population:overview")
    address = f"{reverse('population:purpose')}?{urlencode({'next': onward})}"
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": address})
    return redirect(address)


def _own_address(text: str | None) -> str:
    """Return an address within the population pages, their first one for any other text."""
    first = reverse("population:overview")
    own = text and text.startswith(first) and url_has_allowed_host_and_scheme(text, allowed_hosts=None)
    return text if own and text else first
