"""The archive keeps whole files, in a folder and in S3-compatible storage alike."""

import socket
import stat
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from kangqiao.infra.errors import FileMissing, FileStoreError
from kangqiao.infra.files import FileStore, sm3_of_bytes, sm3_of_file


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3-compatible server with a bucket `archive`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _create_bucket(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _create_bucket(port: int) -> None:
    for _ in range(300):
        try:
            connection = HTTPConnection("127.0.0.1", port)
            connection.request("PUT", "/archive", headers={"Host": f"127.0.0.1:{port}"})
            assert connection.getresponse().status == 200
            return
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise AssertionError("the S3 server did not start")


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileStore:
    if request.param == "folder":
        return FileStore((tmp_path / "归档").as_uri())
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    endpoint = request.getfixturevalue("s3")
    return FileStore(f"s3://archive/{uuid.uuid4()}?endpoint={endpoint}&region=us-east-1")


def test_a_large_file_comes_back_byte_for_byte(store, tmp_path):
    content = bytes(range(256)) * (12 << 12)  # 12 MB, sent in several parts
    (tmp_path / "sent").write_bytes(content)
    store.put("batches/1/large.parquet", tmp_path / "sent")
    store.get("batches/1/large.parquet", tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == content
    assert b"".join(store.chunks("batches/1/large.parquet")) == content


def test_a_stream_is_kept_as_one_file(store):
    store.put("streamed", iter([b"ab", b"", b"cd"]))
    assert store.read("streamed") == b"abcd"


def test_an_empty_file_is_a_file(store):
    store.put("empty", b"")
    assert store.exists("empty")
    assert store.read("empty") == b""


def test_a_chinese_name_with_spaces_is_kept(store):
    store.put("batches/1/门诊 就诊#1.csv", b"x")
    assert store.list("batches/1/") == ["batches/1/门诊 就诊#1.csv"]
    assert store.read("batches/1/门诊 就诊#1.csv") == b"x"


def test_a_second_file_of_the_same_name_replaces_the_first(store):
    store.put("name", b"first")
    store.put("name", b"second")
    assert store.read("name") == b"second"


def test_a_listing_names_the_files_of_one_folder_only(store):
    for name in ("batches/2/b", "batches/2/a", "batches/22/c"):
        store.put(name, b"")
    assert store.list("batches/2/") == ["batches/2/a", "batches/2/b"]
    assert store.list("batches/3/") == []


def test_a_deleted_file_is_gone_and_deleting_it_again_is_no_error(store):
    store.put("name", b"x")
    store.delete("name")
    store.delete("name")
    assert not store.exists("name")


def test_a_missing_file_is_named(store, tmp_path):
    with pytest.raises(FileMissing, match="batches/9"):
        store.read("batches/9")
    with pytest.raises(FileMissing, match="batches/9"):
        store.get("batches/9", tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_a_stream_that_breaks_leaves_no_file(store):
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.put("broken", broken())
    assert not store.exists("broken")


def test_a_missing_source_is_not_mistaken_for_a_missing_archive(store, tmp_path):
    with pytest.raises(FileNotFoundError):
        store.put("name", tmp_path / "nowhere")


def test_a_name_cannot_leave_the_folder(tmp_path):
    store = FileStore((tmp_path / "archive").as_uri())
    with pytest.raises(FileStoreError):
        store.put("batches/../../outside", b"x")
    with pytest.raises(FileStoreError):
        store.put(f"{tmp_path}/outside", b"x")
    assert not (tmp_path / "outside").exists()


def test_the_folder_is_closed_to_other_users(tmp_path):
    FileStore((tmp_path / "archive").as_uri())
    assert stat.S_IMODE((tmp_path / "archive").stat().st_mode) == 0o700


@pytest.mark.parametrize("url", ["ftp://host/folder", "s3://bucket?endpiont=http://x"])
def test_an_address_that_cannot_be_understood_is_refused(url):
    with pytest.raises(FileStoreError, match="KANGQIAO_ARCHIVE_URL"):
        FileStore(url)


def test_the_digest_is_that_of_the_standard():
    """The two examples published with SM3 (GB/T 32905)."""
    assert sm3_of_bytes(b"abc") == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert sm3_of_bytes(b"abcd" * 16) == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path, size):
    content = bytes(i % 251 for i in range(size))
    (tmp_path / "file").write_bytes(content)
    assert sm3_of_file(tmp_path / "file") == sm3_of_bytes(content)
