"""The pages of households: a division's list, what a search in it found, and one household."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from kangqiao.apps.population.households import (
    NoSuchHousehold,
    list_households,
    open_household,
    search_households,
    show_households,
)
from kangqiao.apps.population.places import Ground
from kangqiao.apps.population.purposes import for_a_purpose
from kangqiao.apps.population.views import on_its_ground, read_key, shell_of
from kangqiao.trust.actions import Purpose
from kangqiao.trust.actors import Actor
from kangqiao.trust.http import permission_required
from kangqiao.trust.permissions import Permission

FOUND = "population-found"
"""The session keeps the ids of the last search and where it was made, never what was typed."""


@require_safe
@permission_required(Permission.PERSON_READ)
@on_its_ground
def top(request: HttpRequest, ground: Ground) -> HttpResponse:
    """Lead to the households of the largest division the actor looks at."""
    return redirect("population:division-households", ground.top.stats_code)


@require_safe
@permission_required(Permission.PERSON_READ)
@on_its_ground
@for_a_purpose
def households(request: HttpRequest, ground: Ground, code: str, actor: Actor, purpose: Purpose) -> HttpResponse:
    """List the households of a division, or those found last."""
    division = ground.division(code)
    found = request.session.get(FOUND, {}) if request.GET.get("found") else {}
    searched = found.get("division") == code
    if searched:
        ids = [UUID(word) for word in found["ids"]]
        rows, page = show_households(ids=ids, division=division, actor=actor, purpose=purpose), None
    else:
        after = read_key(request.GET.get("after"))
        page = list_households(division=division, after=after, actor=actor, purpose=purpose)
        rows = page.rows
    context = {
        **shell_of(ground, division),
        "title": f"家庭户：{division.name}",
        "households": rows,
        "page": page,
        "searched": searched,
        "names": ground.names([each.division for each in rows]),
        "below": ground.below(division),
        "purpose": purpose,
    }
    return render(request, "population/households.html", context)


@require_POST
@sensitive_post_parameters()
@permission_required(Permission.PERSON_READ)
@on_its_ground
@for_a_purpose
def search(request: HttpRequest, ground: Ground, code: str, actor: Actor, purpose: Purpose) -> HttpResponse:
    """Search the households of a division, and lead to what was found: the address never holds what was typed."""
    division, text = ground.division(code), request.POST.get("text", "").strip()[:50]
    if not text:
        return redirect("population:division-households", code)
    ids = search_households(division=division, text=text, actor=actor, purpose=purpose)
    request.session[FOUND] = {"division": code, "ids": [str(id) for id in ids]}
    response = redirect("population:division-households", code)
    response["Location"] += "?found=1"
    return response


@require_safe
@permission_required(Permission.PERSON_READ)
@on_its_ground
@for_a_purpose
def household(request: HttpRequest, ground: Ground, household_id: UUID, actor: Actor, purpose: Purpose) -> HttpResponse:
    """Show one household and who belongs to it."""
    try:
        opened = open_household(household_id=household_id, ground=ground, actor=actor, purpose=purpose)
    except NoSuchHousehold as error:
        raise Http404("没有这个家庭户") from error
    division = ground.nearest(opened.household.division)
    context = {
        **shell_of(ground, division),
        "title": "家庭户",
        "opened": opened,
        "day": ground.day,
        "purpose": purpose,
    }
    return render(request, "population/household.html", context)
