"""The file store: a local folder or S3-compatible storage, by URL, behind one small interface."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import obstore
from obstore.store import from_url

from kangqiao.infra.errors import FileStoreError

BLOCK = 1 << 20


class FileStore:
    """Keeps files under names like ``batches/<id>/lab-result.parquet``.

    ``file:///folder`` keeps them in a folder. ``s3://bucket/prefix?endpoint=http://host:9000&region=…`` keeps them in
    S3-compatible storage; the keys come from the environment (``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``).
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme == "file":
            Path(parts.path).mkdir(parents=True, exist_ok=True)
        options: dict[str, Any] = dict(parse_qsl(parts.query))
        if options.get("endpoint", "").startswith("http://"):
            options["client_options"] = {"allow_http": True}
        try:
            self._store = from_url(urlunsplit(parts._replace(query="")), **options)
        except Exception as error:
            raise FileStoreError(f"无法打开归档位置，请检查 KANGQIAO_ARCHIVE_URL：{type(error).__name__}") from error

    def put(self, name: str, source: Path) -> None:
        """Store a file under a name, in blocks; a reader sees all of it or nothing."""
        try:
            obstore.put(self._store, name, source)
        except OSError as error:
            raise FileStoreError("无法写入归档，请检查磁盘空间和权限") from error
        except obstore.exceptions.BaseError as error:
            raise FileStoreError("无法写入归档，请检查归档位置是否可达") from error

    def get(self, name: str, target: Path) -> None:
        """Bring a file back, in blocks; raises ``FileNotFoundError`` for a name that is not there."""
        with target.open("wb") as out:
            for block in obstore.get(self._store, name).stream(min_chunk_size=BLOCK):
                out.write(block)

    def has(self, name: str) -> bool:
        """Say whether a file is stored under the name."""
        try:
            obstore.head(self._store, name)
        except FileNotFoundError:
            return False
        return True

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the names below a prefix."""
        for block in obstore.list(self._store, prefix=prefix):
            yield from (meta["path"] for meta in block)


def sm3_of_file(path: Path) -> str:
    """Return the SM3 digest (GB/T 32905) of a file's bytes, in lower-case hexadecimal."""
    digest = hashlib.new("sm3")
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def sm3_of_bytes(content: bytes) -> str:
    """Return the SM3 digest of bytes, in lower-case hexadecimal."""
    return hashlib.new("sm3", content).hexdigest()
