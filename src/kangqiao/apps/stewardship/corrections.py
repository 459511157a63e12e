"""The verbs of requests for correction: filed for a resident, accepted or refused, told to who holds the value."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from kangqiao.apps.stewardship.correction_rules import Act, after
from kangqiao.apps.stewardship.errors import CorrectionMoved, CorrectionRefused
from kangqiao.apps.stewardship.models import WRONG_IDENTITY, CorrectionRequest
from kangqiao.identity.deciding import unlink_patient
from kangqiao.identity.models import Link, Patient
from kangqiao.identity.survivorship import read_value
from kangqiao.registry.queries import division_names
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.permissions import Permission

LONGEST: Final = 500


def file_correction(*, patient_id: UUID, attribute: str, asked: str, grounds: str, actor: Actor) -> CorrectionRequest:
    """File a request on behalf of the resident a registration belongs to, and return it.

    Raises `CorrectionRefused` where nothing would change, or the same is asked already.
    """
    actor.require(Permission.CORRECTION_FILE)
    patient = Patient.objects.get(id=patient_id)
    held = held_by(patient, attribute)
    if not grounds.strip() or (attribute != WRONG_IDENTITY and not asked.strip()):
        raise CorrectionRefused("请填写要求改为的内容和依据。")
    if attribute != WRONG_IDENTITY and asked.strip() == held:
        raise CorrectionRefused("要求改为的内容与现有内容相同，无需更正。")
    try:
        with transaction.atomic():
            request = CorrectionRequest.objects.create(
                resident_id=Link.objects.get(patient=patient, undone_at=None).resident_id,
                patient_id=patient.id,
                institution_id=patient.institution_id,
                attribute=attribute,
                held=held,
                asked=asked.strip()[:LONGEST] or None,
                grounds=grounds.strip()[:LONGEST],
                filed_by=actor.id,
            )
            _record(request, Action.CORRECTION_FILE, actor, {"attribute": attribute})
    except IntegrityError as error:
        if "correction_asked_once" in str(error):
            raise CorrectionRefused("这项内容已有一份更正申请在处理。") from error
        raise
    return CorrectionRequest.objects.get(id=request.id)


def held_by(patient: Patient, attribute: str) -> str | None:
    """Return what an institution's registration says, as people read it."""
    if attribute == "document":
        return patient.key_number or patient.shown_number
    value = getattr(patient, "local_number" if attribute == WRONG_IDENTITY else attribute)
    divisions = division_names([value], timezone.localdate()) if attribute == "division" and value else {}
    return read_value(attribute, value, divisions) or None


def accept(*, request_id: UUID, answer: str, actor: Actor) -> CorrectionRequest:
    """Agree. A registration that is somebody else's is parted from the resident in the same transaction.

    Raises `CorrectionMoved`, `CorrectionRefused` without an answer, and what `unlink_patient` raises.
    """
    actor.require(Permission.IDENTITY_DECIDE)
    with transaction.atomic():
        request = _locked(request_id, Act.ACCEPT)
        parted = {"decision_id": _part(request, answer, actor)} if request.attribute == WRONG_IDENTITY else {}
        return _move(request, Act.ACCEPT, actor, **_answered(answer, actor), **parted)


def refuse(*, request_id: UUID, answer: str, actor: Actor) -> CorrectionRequest:
    """Decline, with the reason. Raises `CorrectionMoved`, `CorrectionRefused` without an answer."""
    actor.require(Permission.IDENTITY_DECIDE)
    with transaction.atomic():
        return _move(_locked(request_id, Act.REFUSE), Act.REFUSE, actor, **_answered(answer, actor))


def withdraw(*, request_id: UUID, actor: Actor) -> CorrectionRequest:
    """Take the request back, for the resident. Raises `CorrectionMoved`."""
    actor.require(Permission.CORRECTION_FILE)
    with transaction.atomic():
        return _move(_locked(request_id, Act.WITHDRAW), Act.WITHDRAW, actor)


def tell_institution(*, request_id: UUID, actor: Actor) -> CorrectionRequest:
    """Note that the institution which holds the value has been told. Raises `CorrectionMoved`."""
    actor.require(Permission.IDENTITY_DECIDE)
    with transaction.atomic():
        return _move(_locked(request_id, Act.TELL), Act.TELL, actor, told_by=actor.id, told_at=timezone.now())


def _locked(request_id: UUID, act: Act) -> CorrectionRequest:
    request = CorrectionRequest.objects.select_for_update().get(id=request_id)
    after(request.state, act)
    return request


def _answered(answer: str, actor: Actor) -> dict[str, Any]:
    if not answer.strip():
        raise CorrectionRefused("请填写答复。")
    return {"answer": answer.strip()[:LONGEST], "decided_by": actor.id, "decided_at": timezone.now()}


def _part(request: CorrectionRequest, answer: str, actor: Actor) -> UUID:
    """Part the registration from the resident; raises `CorrectionMoved` when it has left already."""
    link = Link.objects.filter(patient_id=request.patient_id, resident_id=request.resident_id, undone_at=None).first()
    if link is None:
        raise CorrectionMoved("登记已不在这位居民名下")
    return unlink_patient(link_id=link.id, reason=f"居民申请：{answer.strip()}", actor=actor).id


def _move(request: CorrectionRequest, act: Act, actor: Actor, **changes: Any) -> CorrectionRequest:
    before = request.state
    for name, value in {"state": after(before, act), **changes}.items():
        setattr(request, name, value)
    request.save()
    _record(request, Action.CORRECTION_MOVE, actor, {"act": act.value, "from": before, "to": request.state})
    return request


def _record(request: CorrectionRequest, action: Action, actor: Actor, detail: dict[str, Any]) -> None:
    record_act(
        actor=actor,
        action=action,
        resident_id=request.resident_id,
        patient_id=request.patient_id,
        object_kind="correction",
        object_id=request.id,
        detail=detail,
    )
