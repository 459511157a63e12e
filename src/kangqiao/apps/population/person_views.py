"""The page of one person."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from kangqiao.apps.population.people import MergedInto, NoSuchPerson, open_person
from kangqiao.apps.population.purposes import for_a_purpose
from kangqiao.trust.actions import Purpose
from kangqiao.trust.actors import Actor
from kangqiao.trust.http import permission_required
from kangqiao.trust.permissions import Permission


@require_safe
@permission_required(Permission.PERSON_READ)
@for_a_purpose
def person(request: HttpRequest, resident_id: UUID, actor: Actor, purpose: Purpose) -> HttpResponse:
    """Show who somebody is; a resident merged into another is shown there."""
    return _page(request, resident_id, actor, purpose, revealed=False)


@require_POST
@permission_required(Permission.PERSON_READ)
@for_a_purpose
def person_revealed(request: HttpRequest, resident_id: UUID, actor: Actor, purpose: Purpose) -> HttpResponse:
    """The same page with the numbers and addresses in full."""
    return _page(request, resident_id, actor, purpose, revealed=True)


def _page(request: HttpRequest, resident_id: UUID, actor: Actor, purpose: Purpose, *, revealed: bool) -> HttpResponse:
    day = timezone.localdate()
    try:
        seen = open_person(resident_id=resident_id, day=day, actor=actor, purpose=purpose, revealed=revealed)
    except NoSuchPerson as error:
        raise Http404("没有这位居民") from error
    except MergedInto as merged:
        return redirect("population:person", merged.resident_id)
    context = {
        "title": "居民",
        "seen": seen,
        "person": seen.person,
        "age": None if seen.died_on else seen.person.age_on(day),
        "day": day,
        "links": seen.links,
        "institutions": seen.institutions,
        "purpose": purpose,
        "revealed": revealed,
        "may_ask_for_correction": actor.may(Permission.CORRECTION_FILE),
        "may_find": actor.may(Permission.RESIDENT_FIND),
        "may_open_record": actor.may(Permission.TIMELINE_READ),
    }
    return render(request, "population/person.html", context)
