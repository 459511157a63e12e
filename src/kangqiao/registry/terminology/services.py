"""The verbs of terminology: importing an edition, and handing its codes to the gate."""

from __future__ import annotations

import datetime as dt
import functools
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pypinyin
from django.db import connection, transaction

from kangqiao.infra.files import sm3_of_file
from kangqiao.infra.ids import uuid7
from kangqiao.registry.errors import TerminologyRefused
from kangqiao.registry.models import TerminologyCode, TerminologyEdition
from kangqiao.registry.terminology.layouts import LAYOUTS, VALUE_SETS, Kind
from kangqiao.registry.terminology.queries import Differences, differences_between, edition_before
from kangqiao.registry.terminology.reading import Entry, read_entries
from kangqiao.standards import imported_codes, value_sets
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.permissions import Permission

LISTED_FAULTS = 5
REPORT_EVERY = 1000

_COPY = "COPY registry_terminologycode (edition_id, code, name, detail, initials, active) FROM STDIN"


@dataclass(frozen=True)
class Imported:
    """What became of an import.

    before       the edition in force before this one, None for the first
    differences  against that one; None for the first
    already      the same file was imported under this name before; nothing was done
    """

    edition: TerminologyEdition
    before: TerminologyEdition | None
    differences: Differences | None
    already: bool


def import_terminology(
    *,
    kind: Kind,
    path: Path,
    edition: str,
    valid_from: dt.date,
    actor: Actor,
    report: Callable[[int], None] = lambda _: None,
) -> Imported:
    """Store all codes of a file as one edition, or nothing. ``report`` is told how many codes were read.

    The same file under the same name again changes nothing. Raises :class:`TerminologyRefused`.
    """
    actor.require(Permission.REGISTRY_IMPORT)
    digest = sm3_of_file(path)
    known = _known(kind, edition, valid_from, digest)
    if known is None:
        made = TerminologyEdition(
            id=uuid7(),
            kind=kind,
            edition=edition,
            valid_from=valid_from,
            file_name=path.name,
            digest=digest,
            actor_id=actor.id,
        )
        with tempfile.TemporaryDirectory(prefix="terminology-") as folder, transaction.atomic():
            _store(made, read_entries(path, LAYOUTS[kind], Path(folder)), actor, report)
    stored = known or made
    before = edition_before(stored)
    differences = differences_between(stored, before) if before else None
    return Imported(stored, before, differences, already=known is not None)


def publish_codes(kind: Kind) -> None:
    """Hand the codes of all imported editions to the gate, where it compares with them."""
    identifier = VALUE_SETS.get(kind)
    if identifier not in value_sets.imported_ones():
        return
    kinds = [each for each, fed in VALUE_SETS.items() if fed == identifier]
    codes = TerminologyCode.objects.filter(edition__kind__in=kinds).order_by("code").values_list("code", flat=True)
    imported_codes.publish(identifier, codes.distinct().iterator(chunk_size=10_000))


@functools.lru_cache(maxsize=50_000)  # a drug of many makers and packings is one name
def initials_of(name: str) -> str:
    """Return the first letters of a name's pinyin in lower case; letters and digits stand for themselves."""
    first = pypinyin.lazy_pinyin(name, style=pypinyin.Style.FIRST_LETTER)
    return re.sub(r"[^0-9a-z]", "", "".join(first).lower())


def _known(kind: Kind, edition: str, valid_from: dt.date, digest: str) -> TerminologyEdition | None:
    """Return the edition if this very file was imported; raises for other content, or another edition of that day."""
    if not edition.strip():
        raise TerminologyRefused("应写明版本，例如 2.0；没有填写")
    known = TerminologyEdition.objects.filter(kind=kind, edition=edition).first()
    if known is not None:
        if (known.digest, known.valid_from) == (digest, valid_from):
            return known
        raise TerminologyRefused(
            f"“{known}”已于 {known.imported_at:%Y-%m-%d} 导入（{known.valid_from} 启用），文件或启用日期与这次不同；"
            "版本导入后不再改动，更正版请换一个版本号，例如“2.0-更正1”"
        )
    other = TerminologyEdition.objects.filter(kind=kind, valid_from=valid_from).first()
    if other is not None:
        raise TerminologyRefused(f"“{other}”也从 {valid_from} 启用；两个版本应有不同的启用日期，请核对")
    return None


def _store(made: TerminologyEdition, entries: Iterator[Entry], actor: Actor, report: Callable[[int], None]) -> None:
    made.codes_count = _copy(made, entries, report)
    if not made.codes_count:
        raise TerminologyRefused(f"{made.file_name}：应至少有一个代码，表头下没有数据")
    following = TerminologyEdition.objects.filter(kind=made.kind, valid_from__gt=made.valid_from)
    made.valid_to = following.order_by("valid_from").values_list("valid_from", flat=True).first()
    before = edition_before(made)
    if before is not None:
        before.valid_to = made.valid_from
        before.save(update_fields=["valid_to"])
    made.save(force_insert=True)
    record_act(
        actor=actor,
        action=Action.TERMINOLOGY_IMPORT,
        object_kind="terminology",
        object_id=made.id,
        detail={"kind": made.kind, "edition": made.edition, "codes": made.codes_count},
    )


def _copy(made: TerminologyEdition, entries: Iterator[Entry], report: Callable[[int], None]) -> int:
    """Write the codes by COPY and return how many; the edition's own row follows in the same transaction."""
    names: dict[str, str] = {}
    faults: list[str] = []
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for entry in entries:
            if entry.code in names:
                if names[entry.code] != entry.name:
                    faults.append(f"{entry.place}：代码“{entry.code}”已在前面以另一名称出现")
                continue
            names[entry.code] = entry.name
            copy.write_row((made.id, entry.code, entry.name, entry.detail, initials_of(entry.name), entry.active))
            if len(names) % REPORT_EVERY == 0:
                report(len(names))
        if faults:
            more = f"等 {len(faults)} 处" if len(faults) > LISTED_FAULTS else ""
            raise TerminologyRefused(
                f"{made.file_name}：一个代码应只有一个名称；{'；'.join(faults[:LISTED_FAULTS])}{more}。没有导入任何代码"
            )
    report(len(names))
    return len(names)
