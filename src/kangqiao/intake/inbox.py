"""The watched folder: batches laid into it by file transfer are taken in, receipts are laid beside them.

A folder counts as complete once its ``manifest.json`` is there (lay it last); an archive once it has not changed for
a few seconds. What was taken in moves to ``已接收/``, what could not be taken to ``未接收/`` with the reason beside it;
receipts appear in ``回执/`` when the batch is finished.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from kangqiao.formats.archives import SUFFIXES
from kangqiao.infra.files import FileStore
from kangqiao.intake.errors import BatchRefused
from kangqiao.intake.manifest import MANIFEST
from kangqiao.intake.models import Batch, Door
from kangqiao.intake.services import submit_parcel
from kangqiao.trust.actors import system_actor

TAKEN, NOT_TAKEN, RECEIPTS = "已接收", "未接收", "回执"
QUIET_SECONDS = 5.0


def collect(folder: Path, *, store: FileStore) -> None:
    """Take in every complete parcel of the folder and lay down the receipts that are due."""
    for name in (TAKEN, NOT_TAKEN, RECEIPTS):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.iterdir()):
        if _is_complete(path):
            _take(path, folder, store)
    _write_receipts(folder)


def _is_complete(path: Path) -> bool:
    if path.name in (TAKEN, NOT_TAKEN, RECEIPTS) or path.name.startswith("."):
        return False
    if path.is_dir():
        return (path / MANIFEST).is_file() and _quiet(path / MANIFEST)
    return path.name.lower().endswith(SUFFIXES) and _quiet(path)


def _quiet(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > QUIET_SECONDS


def _take(path: Path, folder: Path, store: FileStore) -> None:
    try:
        batch = submit_parcel(path=path, door=Door.INBOX, actor=system_actor("inbox"), store=store)
    except BatchRefused as refusal:
        place = _free(folder / NOT_TAKEN / path.name)
        place.with_name(f"{place.name}.原因.txt").write_text(f"{refusal}\n", encoding="utf-8")
        shutil.move(path, place)
        return
    shutil.move(path, _free(folder / TAKEN / path.name))
    (folder / RECEIPTS / f".{batch.id}").touch()


def _write_receipts(folder: Path) -> None:
    for due in (folder / RECEIPTS).glob(".*"):
        batch = Batch.objects.filter(id=due.name[1:]).first()
        if batch and batch.receipt:
            name = f"{batch.number or batch.id}.json".replace("/", "_")
            text = json.dumps(batch.receipt, ensure_ascii=False, indent=2)
            (folder / RECEIPTS / name).write_text(text, encoding="utf-8")
            due.unlink()


def _free(path: Path) -> Path:
    """Return the path, or one beside it where something of that name is already there."""
    return path if not path.exists() else path.with_name(f"{path.name}-{time.time_ns()}")
