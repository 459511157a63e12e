"""Archives: list and unpack zip and tar files that nobody here made, without trusting what they say of themselves."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

import zstandard

_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zstandard.ZstdError,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,  # zipfile: an encrypted member
)

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.zst")


class UnreadableArchive(Exception):
    """The file is no archive, is cut short, or unpacks to more than the limits allow; the Chinese text says which."""


@dataclass(frozen=True)
class Limits:
    """How much an archive or a compressed file may hold: guards against bombs."""

    files: int = 500
    total_bytes: int = 64 << 30
    ratio: int = 400
    free_bytes: int = 64 << 20  # below this size no ratio is applied: small texts compress very well


LIMITS = Limits()


class Meter:
    """Counts unpacked bytes and stops when they outgrow the limits."""

    def __init__(self, packed_bytes: int, limits: Limits = LIMITS) -> None:
        self._allowed = min(limits.total_bytes, max(limits.free_bytes, packed_bytes * limits.ratio))
        self._seen = 0

    def count(self, size: int) -> None:
        """Add unpacked bytes; raises :class:`UnreadableArchive` when there are too many."""
        self._seen += size
        if self._seen > self._allowed:
            raise UnreadableArchive(f"解压后超过 {self._allowed >> 20} MB 的上限，疑似压缩炸弹，已停止解压")


def unpack(archive: Path, folder: Path, limits: Limits = LIMITS) -> None:
    """Unpack the regular files of a zip or tar file into ``folder``, all side by side under their base names."""
    meter = Meter(archive.stat().st_size, limits)
    try:
        for count, (name, file) in enumerate(_members(archive), 1):
            if count > limits.files:
                raise UnreadableArchive(f"文件数超过 {limits.files} 个的上限")
            with (folder / PurePosixPath(name).name).open("xb") as out:
                copy_metered(file, out, meter)
    except FileExistsError as error:
        raise UnreadableArchive("压缩包内有同名文件") from error
    except _BROKEN as error:
        raise UnreadableArchive("压缩包损坏、不完整或加了密码，无法解压") from error


def copy_metered(source: IO[bytes], target: IO[bytes], meter: Meter) -> None:
    """Copy a stream block by block, counting."""
    while block := source.read(1 << 20):
        meter.count(len(block))
        target.write(block)


def read_member(archive: Path, base_name: str, *, most: int) -> bytes | None:
    """Return the first ``most`` bytes of one member, or None when the archive has no such file."""
    try:
        for name, file in _members(archive):
            if PurePosixPath(name).name == base_name:
                return file.read(most)
    except _BROKEN as error:
        raise UnreadableArchive("压缩包损坏、不完整或加了密码，无法读取") from error
    return None


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            for info in packed.infolist():
                if not info.is_dir():
                    with packed.open(info) as file:
                        yield info.filename, file
        return
    with decompressed(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as packed:
        for member in packed:
            content = packed.extractfile(member) if member.isreg() else None
            if content is not None:
                yield member.name, content


@contextmanager
def decompressed(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading, seeing through gzip and Zstandard by their first bytes."""
    with path.open("rb") as raw:
        magic = raw.read(4)
        raw.seek(0)
        if magic[:2] == b"\x1f\x8b":
            with gzip.open(raw) as stream:
                yield stream  # type: ignore[misc]
        elif magic == b"\x28\xb5\x2f\xfd":
            with zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as stream:
                yield stream  # type: ignore[misc]
        else:
            yield raw
