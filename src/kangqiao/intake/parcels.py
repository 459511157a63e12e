"""A parcel: the files of a batch as they came (a folder, or one archive), kept unchanged in the file store."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from kangqiao.formats.archives import SUFFIXES, UnreadableArchive, read_member, unpack
from kangqiao.infra.files import FileStore, sm3_of_bytes, sm3_of_file
from kangqiao.intake import manifest
from kangqiao.intake.errors import BatchRefused
from kangqiao.intake.manifest import LARGEST, MANIFEST, Entry, Manifest


@dataclass(frozen=True)
class Parcel:
    """A batch on disk before it is archived: a folder with a manifest and files, or one archive of these."""

    path: Path

    def manifest_bytes(self) -> bytes:
        """Return ``manifest.json`` as it came; raises :class:`BatchRefused` where there is none to read."""
        try:
            content = self._read()
        except UnreadableArchive as error:
            raise BatchRefused("archive", f"无法打开批次文件：{error}") from error
        if content is None:
            raise BatchRefused("manifest-missing", f"批次中没有清单文件 {MANIFEST}")
        if len(content) > LARGEST:
            raise BatchRefused("manifest", f"清单文件 {MANIFEST} 超过 {LARGEST >> 20} MB")
        return content

    def _read(self) -> bytes | None:
        if self.path.is_dir():
            file = self.path / MANIFEST
            return file.read_bytes()[: LARGEST + 1] if file.is_file() else None
        return read_member(self.path, MANIFEST, most=LARGEST + 1)

    def digest(self) -> str:
        """Return what identifies the content: SM3 of the manifest (which holds every file's), or of all bytes."""
        try:
            return sm3_of_bytes(self.manifest_bytes())
        except BatchRefused:
            return sm3_of_bytes(b"") if self.path.is_dir() else sm3_of_file(self.path)

    def keep(self, store: FileStore, batch_id: UUID) -> None:
        """Put every file into the store unchanged, under ``batches/<id>/``."""
        if self.path.is_dir():
            for file in sorted(self.path.iterdir()):
                if file.is_file():
                    store.put(f"batches/{batch_id}/{file.name}", file)
        else:
            store.put(f"batches/{batch_id}/parcel{_suffix(self.path)}", self.path)


def fetch(store: FileStore, batch_id: UUID, folder: Path) -> None:
    """Bring a kept parcel's files into a folder, unpacked; raises :class:`BatchRefused` for a broken archive."""
    for name in store.list(f"batches/{batch_id}/"):
        target = folder / Path(name).name
        store.get(name, target)
    packed = next(folder.glob("parcel*"), None)
    if packed is None:
        return
    try:
        unpack(packed, folder)
    except UnreadableArchive as error:
        raise BatchRefused("archive", f"无法打开批次文件：{error}") from error
    packed.unlink()


def verify(listed: Manifest, folder: Path) -> None:
    """Check that the files are those the manifest lists, byte for byte; raises :class:`BatchRefused`."""
    for entry in listed.data_sets:
        _verify_file(entry, folder / entry.file)


def _verify_file(entry: Entry, file: Path) -> None:
    if not file.is_file():
        raise BatchRefused("file-missing", f"清单列出的文件 {entry.file} 不在批次中")
    if sm3_of_file(file) != entry.sm3.lower():
        raise BatchRefused("digest", f"文件 {entry.file} 的 SM3 摘要与清单不符，传输中可能损坏，请重新报送整批")


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest among fetched files."""
    return manifest.read((folder / MANIFEST).read_bytes())


def clear(folder: Path) -> None:
    """Remove a work folder and all in it."""
    shutil.rmtree(folder, ignore_errors=True)


def _suffix(path: Path) -> str:
    return next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), path.suffix)
