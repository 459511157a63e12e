"""The pages of births, deaths and moves of a division."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from kangqiao.apps.population.events import Kind, list_events
from kangqiao.apps.population.places import Ground
from kangqiao.apps.population.purposes import for_a_purpose
from kangqiao.apps.population.queries import years_of
from kangqiao.apps.population.views import on_its_ground, read_key, shell_of
from kangqiao.trust.actions import Purpose
from kangqiao.trust.actors import Actor
from kangqiao.trust.http import permission_required
from kangqiao.trust.permissions import Permission


@require_safe
@permission_required(Permission.PERSON_READ)
@on_its_ground
def top(request: HttpRequest, ground: Ground) -> HttpResponse:
    """Lead to the births of the largest division the actor looks at."""
    return redirect("population:division-events", ground.top.stats_code, Kind.BIRTH)


@require_safe
@permission_required(Permission.PERSON_READ)
@on_its_ground
@for_a_purpose
def events(
    request: HttpRequest, *, ground: Ground, code: str, kind: str, actor: Actor, purpose: Purpose
) -> HttpResponse:
    """List the events of one kind, in a year or of all times."""
    division, chosen = ground.division(code), Kind(kind)
    years = years_of(code)
    asked = request.GET.get("year", "")
    year = next((each.year for each in years if str(each.year) == asked), None)
    page = list_events(
        kind=chosen,
        division=division,
        year=year,
        after=read_key(request.GET.get("after")),
        day=ground.day,
        actor=actor,
        purpose=purpose,
    )
    context = {
        **shell_of(ground, division),
        "title": f"{chosen.label}：{division.name}",
        "kinds": list(Kind),
        "kind": chosen,
        "years": years,
        "year": year,
        "page": page,
        "below": ground.below(division),
        "purpose": purpose,
    }
    return render(request, "population/events.html", context)
