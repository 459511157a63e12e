"""The manifest of a batch: who sends what, under which number, with which digests."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated

import msgspec

from kangqiao.intake.errors import BatchRefused
from kangqiao.standards.data_set import contract_version
from kangqiao.standards.editions import rank

MANIFEST = "manifest.json"
LARGEST = 4 << 20

Word = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
FileName = Annotated[str, msgspec.Meta(pattern=r"^[^/\\]{1,120}$")]
Version = Annotated[str, msgspec.Meta(pattern=r"^\d{1,3}\.\d{1,3}$")]
Sm3 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-fA-F]{64}$")]


class Period(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """The days the rows are about, both included."""

    start: dt.date
    end: dt.date


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One data set of the batch: its file, how many rows it has, and the SM3 digest of the file as it is sent.

    edition  which edition of the data set the file follows; left out, that of the batch's contract
    """

    data_set: Word
    file: FileName
    rows: Annotated[int, msgspec.Meta(ge=0)]
    sm3: Sm3
    edition: Version | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """``manifest.json``.

    sender    code of the institution that sends (for itself and for those it reports for)
    number    the sender's own number of the batch; the same number always means the same bytes
    contract  version of the intake contract the files follow
    """

    sender: Annotated[str, msgspec.Meta(min_length=1, max_length=22)]
    number: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    contract: Version
    created_at: dt.datetime
    period: Period
    data_sets: Annotated[tuple[Entry, ...], msgspec.Meta(min_length=1, max_length=200)]


def read(content: bytes) -> Manifest:
    """Return the manifest; raises :class:`BatchRefused` saying what is wrong with it."""
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.ValidationError as error:
        raise BatchRefused("manifest", f"清单 manifest.json 的内容不符合约定：{_place(error)}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BatchRefused("manifest", "清单 manifest.json 不是有效的 JSON（应为 UTF-8 编码）") from error
    _check_contract(manifest.contract)
    _check_repeats(manifest)
    return manifest


def _check_contract(version: str) -> None:
    newest = contract_version()
    mine, theirs = rank(newest), rank(version)
    if theirs > mine:
        raise BatchRefused(
            "contract-newer",
            f"清单写明的接入标准版本是 {version}，本平台支持到 {newest}；请按该版本重新导出",
        )
    if theirs[0] < mine[0]:
        raise BatchRefused("contract-older", f"接入标准版本 {version} 已停用，请按 {newest} 导出后重新报送")


def _check_repeats(manifest: Manifest) -> None:
    for what, words in (
        ("数据集", [entry.data_set for entry in manifest.data_sets]),
        ("文件", [entry.file for entry in manifest.data_sets]),
    ):
        repeated = sorted({word for word in words if words.count(word) > 1})
        if repeated:
            raise BatchRefused("manifest", f"清单中{what}重复：{'、'.join(repeated)}；每个数据集应只有一个文件")


def _place(error: msgspec.ValidationError) -> str:
    """Say where the manifest is wrong without repeating its values."""
    text = str(error)
    path = re.search(r"at `\$\.?(.*)`", text)
    missing = re.search(r"required field `(\w+)`", text)
    where = f"“{path.group(1)}”" if path and path.group(1) else "最外层"
    return f"{where}缺少“{missing.group(1)}”" if missing else f"{where}的值类型或格式不对"
