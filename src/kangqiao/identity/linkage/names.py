"""Names as they are compared: characters, sound, letters in any order, and names that are none yet."""

from typing import Final, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
from pypinyin import lazy_pinyin

LONGEST: Final = 16
"""Characters that count; what is longer is compared by its beginning."""

UNICODE: Final = 0x110000
"""How many code points there may be."""

NO_NAME: Final = 0
"""The place of no name, of 不详, 无名氏 and the like."""

NOTHING: Final = "不详|未知|无|无名|无名氏|佚名|待查|婴儿|新生儿|毛毛|宝宝"
NEWBORN: Final = "(之)(长|次|大|小|二|双|孪)?(子|女|婴|男婴|女婴|儿)[12一二甲乙AB大小]?$"
"""How a child without a name is written down: by its mother's (某某之子、某某之女), as commonly seen."""

SEPARATORS: Final = r"[\s　·•・‧∙⋅.．。,，'’\-]"


class Names(NamedTuple):
    """One entry per way of writing a name, the first of nothing; arrays that compiled code reads as they are."""

    form: np.ndarray  # int64: hash of the normalised name, 0 for none
    letters: np.ndarray  # int64: hash of its characters in sorted order
    sound: np.ndarray  # int64: hash of its pinyin without tones
    codes: np.ndarray  # int32 (names, LONGEST): code points, zeros behind the last
    length: np.ndarray  # int8
    surname: np.ndarray  # int32: pinyin code of the first character
    newborn: np.ndarray  # bool: named after the mother only
    stem: np.ndarray  # int64: form of the mother's name within the name of a newborn, 0 for others
    bearers: np.ndarray  # int32: how many birth dates the name is found with


def read_names(
    session: duckdb.DuckDBPyConnection, name: pa.ChunkedArray, mother: pa.ChunkedArray
) -> tuple[Names, np.ndarray, np.ndarray]:
    """Return the names, and for each registration the place of its own and of its mother's name (int32)."""
    written = pa.chunked_array([*name.chunks, *mother.chunks], type=pa.string())
    encoded = written.dictionary_encode().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    place = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    normal, stem = _normalised(session, encoded.dictionary)
    distinct, position = np.unique(np.concatenate([[""], normal]), return_inverse=True)
    place = np.where(place < 0, NO_NAME, position[1:][place] if len(normal) else NO_NAME).astype(np.int32)
    stems = np.full(len(distinct), "", dtype=normal.dtype if len(normal) else "<U1")
    stems[position[1:]] = stem
    return _names(distinct, stems), place[: len(name)], place[len(name) :]


def _normalised(session: duckdb.DuckDBPyConnection, written: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return names without separators (""  for none), and the mother's name within those of newborns."""
    separators = SEPARATORS.replace("'", "''")
    session.register("written", pa.table({"name": written, "place": np.arange(len(written))}))
    found = session.sql(
        f"""WITH tidy AS (
                SELECT place, upper(regexp_replace(nfc_normalize(name), '{separators}', '', 'g')) AS name
                  FROM written)
            SELECT CASE WHEN regexp_full_match(name, '{NOTHING}') THEN '' ELSE name[:{LONGEST}] END AS name,
                   CASE WHEN regexp_matches(name, '{NEWBORN}')
                        THEN regexp_replace(name, '{NEWBORN}', '')[:{LONGEST}] ELSE '' END AS stem
              FROM tidy ORDER BY place"""
    ).to_arrow_table()
    kind = f"<U{LONGEST}"
    return tuple(found[word].to_numpy().astype(kind) for word in ("name", "stem"))


def _names(distinct: np.ndarray, stems: np.ndarray) -> Names:
    codes, stem_codes = _code_points(distinct), _code_points(stems)
    sounds = _sounds(codes)
    return Names(
        form=_hashed(codes),
        letters=_hashed(np.sort(codes, axis=1)),
        sound=_hashed(sounds),
        codes=codes,
        length=(codes != 0).sum(axis=1).astype(np.int8),
        surname=np.ascontiguousarray(sounds[:, 0]),
        newborn=stem_codes[:, 0] != 0,
        stem=_hashed(stem_codes),
        bearers=np.zeros(len(codes), dtype=np.int32),
    )


def _code_points(texts: np.ndarray) -> np.ndarray:
    """Return code points (texts, LONGEST) as int32."""
    wide = np.ascontiguousarray(texts.astype(f"<U{LONGEST}"))
    return wide.view(np.int32).reshape(len(wide), LONGEST)


def _sounds(codes: np.ndarray) -> np.ndarray:
    """Return the characters' pinyin as codes: the code point of the first character known to sound so."""
    present = np.zeros(UNICODE, dtype=bool)
    present[codes] = True
    heard: dict[str, int] = {}
    sound = np.zeros(UNICODE, dtype=np.int32)
    for character in np.flatnonzero(present)[1:].tolist():
        sound[character] = heard.setdefault(lazy_pinyin(chr(character))[0], character)
    return sound[codes]


def _hashed(codes: np.ndarray) -> np.ndarray:
    """Return a hash per row, 0 for rows of nothing."""
    value = np.zeros(len(codes), dtype=np.uint64)
    for place in range(codes.shape[1]):
        value = (value ^ codes[:, place].astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        value ^= value >> np.uint64(29)
    return np.where(codes.any(axis=1), value >> np.uint64(1), np.uint64(0)).astype(np.int64)
