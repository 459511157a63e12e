"""The verbs of reports: make one place's report, or those of all its institutions one after the other; all audited."""

from __future__ import annotations

import datetime as dt
import re
import threading
import zipfile
from collections.abc import Iterator, Sequence
from enum import StrEnum
from io import RawIOBase
from typing import Any

from django.db import transaction

from kangqiao.formats.typesetting import require_fonts
from kangqiao.quality.board import Look
from kangqiao.quality.errors import QualityError
from kangqiao.quality.places import Ground, Kind, Place, ground_of
from kangqiao.quality.reports.document import pdf_of
from kangqiao.quality.reports.figures import Figures, figures_of
from kangqiao.quality.reports.workbook import workbook_of
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.permissions import Permission

AT_ONCE = 2
"""So many reports are made at the same time in one process; others wait for their turn."""
MOST_IN_ARCHIVE = 300
"""Institutions in one archive of the pages: some minutes."""

LONGEST_NAME = 50
"""Characters of a place's name in a file's: the whole stays below the 255 bytes that file systems take."""

_turns = threading.BoundedSemaphore(AT_ONCE)


class Form(StrEnum):
    """As what a report is handed out."""

    PDF = "pdf"
    WORKBOOK = "xlsx"


class NotMeasured(QualityError):
    """There is nothing to report yet."""

    def __init__(self) -> None:
        super().__init__("还没有测量过数据质量。有数据入库后会自动测量，也可以运行 kangqiao quality measure。")


class TooMany(QualityError):
    """More institutions than one archive takes."""

    def __init__(self, found: int) -> None:
        super().__init__(
            f"有 {found} 家机构，一次最多打包 {MOST_IN_ARCHIVE} 家。请按县区下载，"
            "或由运维人员运行 kangqiao quality report。"
        )


def make_report(*, look: Look, form: Form, actor: Actor) -> bytes:
    """Return a place's report; writes the audit entry, and a second one where it names rows that fail.

    Raises :class:`NotMeasured`, and ``FontsMissing`` for a PDF.
    """
    figures = _figures(look, (form,), actor)
    with _turns:
        return _made(figures, form)


def make_both(*, look: Look, actor: Actor) -> dict[Form, bytes]:
    """Return a place's report in both forms, from the same figures; audited as one."""
    figures = _figures(look, tuple(Form), actor)
    with _turns:
        return {form: _made(figures, form) for form in Form}


def make_archive(*, ground: Ground, place: Place, month: dt.date, actor: Actor) -> Iterator[bytes]:
    """Return the pieces of a ZIP with the reports of a place's institutions; each is made when it is asked for.

    Raises :class:`NotMeasured`, :class:`TooMany` and ``FontsMissing`` before the first piece.
    """
    actor.require(Permission.QUALITY_READ)
    _measured(ground)
    require_fonts()
    seats = sorted(ground.within(place), key=lambda seat: seat.code)
    if len(seats) > MOST_IN_ARCHIVE:
        raise TooMany(len(seats))
    return _pieces([Place(Kind.INSTITUTION, str(seat.id)) for seat in seats], month, actor)


def file_name(look: Look, form: Form | None = None) -> str:
    """Return what a report's file is called; institutions begin with their code, for names can be alike."""
    code = f"{look.seats.members[0].code}-" if look.place.kind is Kind.INSTITUTION else ""
    name = f"数据质量月报-{look.month:%Y-%m}-{code}{look.ground.title(look.place)[:LONGEST_NAME]}"
    return re.sub(r'[\s\\/:*?"<>|]+', "_", name) + (f".{form}" if form else "")


def _pieces(places: Sequence[Place], month: dt.date, actor: Actor) -> Iterator[bytes]:
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_STORED) as archive:  # both forms are compressed in themselves
        for place in places:
            look = Look(ground_of(actor), place, month)  # anew: minutes may pass, and a measurement
            for form, content in make_both(look=look, actor=actor).items():
                archive.writestr(file_name(look, form), content)
            yield outlet.taken()
    yield outlet.taken()


class _Outlet(RawIOBase):
    """Where an archive is written to piece by piece; it can not be gone back in."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._written += content
        return len(content)

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        piece, self._written = bytes(self._written), bytearray()
        return piece


def _made(figures: Figures, form: Form) -> bytes:
    return pdf_of(figures) if form is Form.PDF else workbook_of(figures)


def _measured(ground: Ground) -> dt.datetime:
    if ground.measurement is None:
        raise NotMeasured
    return ground.measurement.finished_at


def _figures(look: Look, forms: Sequence[Form], actor: Actor) -> Figures:
    actor.require(Permission.QUALITY_READ)
    measured = _measured(look.ground)
    with transaction.atomic():
        figures = figures_of(look=look, measured=measured, actor=actor)
        about = {"month": f"{look.month:%Y-%m}"}
        record_act(
            actor=actor,
            action=Action.QUALITY_EXPORT,
            object_kind="quality",
            object_id=str(look.place),
            detail={**about, "report": [str(form) for form in forms]},
        )
        if figures.keys:
            record_act(
                actor=actor,
                action=Action.QUALITY_ROWS_READ,
                object_kind="quality",
                object_id=str(look.place),
                detail={**about, "rows": len(figures.keys)},
            )
    return figures
