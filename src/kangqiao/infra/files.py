"""The archive: whole files under names, in a local folder or in S3-compatible storage, and their SM3 digests."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import obstore
from cryptography.hazmat.primitives import hashes
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from kangqiao.infra.errors import FileMissing, FileStoreError

CHUNK = 1 << 20


class FileStore:
    """Whole files under names like `batches/<id>/manifest.json`; a reader sees a whole file or none.

    `file:///folder` keeps them in a local folder (created at need, closed to other users);
    `s3://bucket/prefix?endpoint=https://…&region=…` keeps them in S3-compatible storage, with the access key
    from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Every method raises `FileStoreError` when the storage
    fails, and `FileMissing` for a name that is not there.
    """

    def __init__(self, url: str) -> None:
        self._folder = _local_folder(url)
        with _translated("open"):
            self._store = _local(self._folder) if self._folder else _s3(url)

    def put(self, name: str, content: Path | bytes | Iterable[bytes]) -> None:
        """Keep a file, streamed in bounded memory; one of the same name is replaced at once, when all is there."""
        if isinstance(content, Path):
            content.stat()  # a missing source is the caller's error, not a missing object
        with _translated(name):
            obstore.put(self._store, _checked(name), content)
        if self._folder:
            _sync(self._folder / name)

    def get(self, name: str, target: Path) -> None:
        """Write a kept file to `target`, streamed."""
        draft = target.with_name(f".{target.name}.part")
        with _translated(name), draft.open("wb") as file:
            for chunk in obstore.get(self._store, _checked(name)).stream(min_chunk_size=CHUNK):
                file.write(chunk)
        draft.replace(target)

    def read(self, name: str) -> bytes:
        """Return a small file's content."""
        with _translated(name):
            return bytes(obstore.get(self._store, _checked(name)).bytes())

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield a file's content in pieces of about a megabyte, for a download."""
        with _translated(name):
            for chunk in obstore.get(self._store, _checked(name)).stream(min_chunk_size=CHUNK):
                yield bytes(chunk)

    def exists(self, name: str) -> bool:
        """Return whether a file of this name is kept."""
        try:
            with _translated(name):
                obstore.head(self._store, _checked(name))
        except FileMissing:
            return False
        return True

    def list(self, prefix: str) -> list[str]:
        """Return the names that begin with the folder `prefix`, in order."""
        with _translated(prefix):
            found = [entry["path"] for page in obstore.list(self._store, _checked(prefix)) for entry in page]
        return sorted(found)

    def delete(self, name: str) -> None:
        """Remove a file; one that is not there is no error."""
        try:
            with _translated(name):
                obstore.delete(self._store, _checked(name))
        except FileMissing:
            pass


def sm3_of_file(path: Path) -> str:
    """Return the SM3 digest (GB/T 32905) of a file as 64 hexadecimal digits, read in bounded memory."""
    digest = hashes.Hash(hashes.SM3())
    view = memoryview(bytearray(CHUNK))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(view):
            digest.update(view[:count])
    return digest.finalize().hex()


def sm3_of_bytes(content: bytes) -> str:
    """Return the SM3 digest (GB/T 32905) of `content` as 64 hexadecimal digits."""
    digest = hashes.Hash(hashes.SM3())
    digest.update(content)
    return digest.finalize().hex()


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Turn the storage's errors into ours; errors of the caller's own file or stream stay what they are."""
    try:
        yield
    except FileNotFoundError as error:  # what obstore raises for a missing object
        raise FileMissing(f"归档中没有 {name}") from error
    except (BaseError, PermissionError) as error:
        raise FileStoreError(
            f"归档存储无法读写（{type(error).__name__}）：请检查 KANGQIAO_ARCHIVE_URL、权限和剩余空间"
        ) from error


def _local_folder(url: str) -> Path | None:
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _local(folder: Path) -> LocalStore:
    if not folder.is_dir():
        try:
            folder.mkdir(parents=True)
            folder.chmod(0o700)
        except OSError as error:
            raise FileStoreError(f"归档目录 {folder} 无法建立：请检查 KANGQIAO_ARCHIVE_URL 和上级目录的权限") from error
    return LocalStore(folder)


def _checked(name: str) -> str:
    """Return a name that stays inside the archive, since parts of names come from senders."""
    if ".." in name.split("/") or name.startswith("/"):
        raise FileStoreError(f"归档文件名不合法：{name}")
    return name


def _s3(url: str) -> S3Store:
    parts = urlsplit(url)
    if parts.scheme != "s3":
        raise FileStoreError("KANGQIAO_ARCHIVE_URL 应以 file:// 或 s3:// 开头")
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if unknown := set(options) - {"endpoint", "region"}:
        raise FileStoreError(f"KANGQIAO_ARCHIVE_URL 中有不认识的参数：{'、'.join(sorted(unknown))}")
    return S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        config=options,  # type: ignore[arg-type]  # its two keys are checked above
        client_options={"allow_http": options.get("endpoint", "").startswith("http://")},
    )


def _sync(path: Path) -> None:
    """Make a written file and its name survive a power failure."""
    for target in (path, path.parent):
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
