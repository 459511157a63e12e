"""Residents' requests: filed at the counter, listed, answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from kangqiao.apps.stewardship.correction_rules import Act, allowed
from kangqiao.apps.stewardship.corrections import accept, file_correction, refuse, tell_institution, withdraw
from kangqiao.apps.stewardship.errors import StewardshipError
from kangqiao.apps.stewardship.forms import Answering, Filing
from kangqiao.apps.stewardship.models import CorrectionRequest
from kangqiao.identity.errors import IdentityError
from kangqiao.identity.models import Link
from kangqiao.identity.queries import Person, people, person
from kangqiao.records.queries import institution_names
from kangqiao.registry.models import Institution
from kangqiao.registry.queries import COUNTY_DIGITS
from kangqiao.trust.actions import Action, Purpose
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.http import permission_required, request_actor
from kangqiao.trust.permissions import Permission
from kangqiao.trust.queries import actor_names

PAGE: Final = 30
STATES: Final = CorrectionRequest.State
WAITING: Final = (STATES.FILED, STATES.ACCEPTED)
BADGES: Final = {
    STATES.FILED: "warn",
    STATES.ACCEPTED: "info",
    STATES.TOLD: "ok",
    STATES.REFUSED: "plain",
    STATES.WITHDRAWN: "plain",
}


def visible_corrections(actor: Actor) -> QuerySet[CorrectionRequest]:
    """Return the requests an actor may see: all, or those about registrations in its institution's county."""
    if actor.institution_id is None:
        return CorrectionRequest.objects.all()
    code = Institution.objects.get(id=actor.institution_id).division_code[:COUNTY_DIGITS]
    county = Institution.objects.filter(division_code__startswith=code).values("id")
    return CorrectionRequest.objects.filter(institution_id__in=county)


@require_safe
@permission_required(Permission.CORRECTION_FILE)
def corrections(request: HttpRequest) -> HttpResponse:
    """List requests: those that wait, or all of one state."""
    actor, state = request_actor(request), request.GET.get("state", "")
    found = visible_corrections(actor).order_by("filed_at", "id")
    found = found.filter(state=state) if state in STATES else found.filter(state__in=WAITING)
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    known = _shown(list(page), actor) if page.object_list else {}
    names = {id: each.full for id, each in institution_names(each.institution_id for each in page).items()}
    rows = [
        (each, known.get(each.resident_id), names.get(each.institution_id, ""), BADGES[STATES(each.state)])
        for each in page
    ]
    states = [(word.value, word.label, word == state) for word in STATES]
    context = {"title": "更正申请", "page": page, "rows": rows, "states": states, "state": state}
    return render(request, "stewardship/corrections.html", context)


def _shown(page: list[CorrectionRequest], actor: Actor) -> dict[UUID, Person]:
    ids = list(dict.fromkeys(each.resident_id for each in page))
    with transaction.atomic():
        record_act(
            actor=actor,
            action=Action.CORRECTION_READ,
            object_kind="correction",
            purpose=Purpose.OWN_REQUEST,
            detail={"by": "list", "residents": [str(id) for id in ids]},
        )
        return {person.id: person for person in people(ids)}


@sensitive_post_parameters()
@permission_required(Permission.CORRECTION_FILE)
def new(request: HttpRequest, resident_id: UUID) -> HttpResponse:
    """File a request for a resident who stands at the counter."""
    actor = request_actor(request)
    found = _person(resident_id, actor)
    names = institution_names(known.institution_id for known in found.patients)
    registrations = [
        (str(known.patient_id), f"{names[known.institution_id].full}（{known.local_number}）")
        for known in found.patients
    ]
    form = Filing(request.POST or None, registrations=registrations)
    if request.method == "POST" and form.is_valid():
        try:
            filed = _file(form, actor)
        except StewardshipError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "申请已受理。")
            return redirect("stewardship:correction", filed.id)
    context = {"title": "受理更正申请", "person": found, "form": form}
    return render(request, "stewardship/correction_new.html", context, status=422 if form.errors else 200)


def _person(resident_id: UUID, actor: Actor) -> Person:
    with transaction.atomic():
        record_act(
            actor=actor,
            action=Action.CORRECTION_READ,
            resident_id=resident_id,
            object_kind="resident",
            object_id=resident_id,
            purpose=Purpose.OWN_REQUEST,
        )
        found = person(resident_id)
    if found is None or found.merged_into:
        raise Http404("没有这位居民")
    return found


def _file(form: Filing, actor: Actor) -> CorrectionRequest:
    given = form.cleaned_data
    return file_correction(
        patient_id=UUID(given["patient"]),
        attribute=given["attribute"],
        asked=given["asked"],
        grounds=given["grounds"],
        actor=actor,
    )


@require_safe
@permission_required(Permission.CORRECTION_FILE)
def correction(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Show one request."""
    return _page(request, request_id, Answering())


def _page(request: HttpRequest, request_id: UUID, form: Answering) -> HttpResponse:
    actor = request_actor(request)
    asked = get_object_or_404(visible_corrections(actor), id=request_id)
    with transaction.atomic():
        record_act(
            actor=actor,
            action=Action.CORRECTION_READ,
            resident_id=asked.resident_id,
            patient_id=asked.patient_id,
            object_kind="correction",
            object_id=asked.id,
            purpose=Purpose.OWN_REQUEST,
        )
    acts = allowed(asked.state)
    names = actor_names({each for each in (asked.filed_by, asked.decided_by, asked.told_by) if each})
    institution = institution_names([asked.institution_id]).get(asked.institution_id)
    context = {
        "title": "更正申请",
        "asked": asked,
        "form": form,
        "badge": BADGES[STATES(asked.state)],
        "person": next(iter(people([asked.resident_id])), None),
        "institution": institution.full if institution else "",
        "filed_by": names.get(asked.filed_by, "") if asked.filed_by else "",
        "decided_by": names.get(asked.decided_by, "") if asked.decided_by else "",
        "told_by": names.get(asked.told_by, "") if asked.told_by else "",
        "may_decide": actor.may(Permission.IDENTITY_DECIDE) and Act.ACCEPT in acts,
        "may_tell": actor.may(Permission.IDENTITY_DECIDE) and Act.TELL in acts,
        "may_withdraw": Act.WITHDRAW in acts,
        "still_linked": Link.objects.filter(
            patient_id=asked.patient_id, resident_id=asked.resident_id, undone_at=None
        ).exists(),
    }
    return render(request, "stewardship/correction.html", context, status=422 if form.errors else 200)


Deciding = Callable[[UUID, str, Actor], CorrectionRequest]
DECIDING: Final[dict[str, Deciding]] = {
    Act.ACCEPT: lambda id, answer, actor: accept(request_id=id, answer=answer, actor=actor),
    Act.REFUSE: lambda id, answer, actor: refuse(request_id=id, answer=answer, actor=actor),
}


@require_POST
@permission_required(Permission.IDENTITY_DECIDE)
def decide(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Agree or decline, with the answer the resident gets."""
    actor, form = request_actor(request), Answering(request.POST)
    get_object_or_404(visible_corrections(actor), id=request_id)
    verb = DECIDING.get(request.POST.get("act", ""))
    if verb is None or not form.is_valid():
        return _page(request, request_id, form)
    return _done(request, request_id, lambda: verb(request_id, form.cleaned_data["answer"], actor), "已答复。")


@require_POST
@permission_required(Permission.IDENTITY_DECIDE)
def tell(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Note that the institution has been told."""
    actor = request_actor(request)
    get_object_or_404(visible_corrections(actor), id=request_id)
    return _done(request, request_id, lambda: tell_institution(request_id=request_id, actor=actor), "已记为通知机构。")


@require_POST
@permission_required(Permission.CORRECTION_FILE)
def take_back(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Withdraw the request for the resident."""
    actor = request_actor(request)
    get_object_or_404(visible_corrections(actor), id=request_id)
    return _done(request, request_id, lambda: withdraw(request_id=request_id, actor=actor), "申请已撤回。")


def _done(request: HttpRequest, request_id: UUID, verb: Callable[[], CorrectionRequest], said: str) -> HttpResponse:
    try:
        verb()
        messages.success(request, said)
    except (StewardshipError, IdentityError) as error:
        messages.warning(request, str(error))
    return redirect("stewardship:correction", request_id)
