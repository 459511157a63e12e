"""Names as they are compared: characters, sound, letters in any order, and names that are none yet."""
# mypy: disable-error-code="no-untyped-def"

import re
from functools import cache
from typing import Final, NamedTuple
from unicodedata import normalize

import numba
import numpy as np
import pyarrow as pa
from pypinyin import lazy_pinyin

from kangqiao.identity.linkage.hashing import hashed_rows, utf8
from kangqiao.identity.linkage.unnamed import NEWBORN, NOTHING

LONGEST: Final = 16
"""Characters that count; what is longer is compared by its beginning."""

NO_NAME: Final = 0
"""The place of no name, of 不详, 无名氏 and the like."""

SEPARATORS: Final = re.compile(r"[\s　·•・‧∙⋅.．。,，'’\-]")

ALONE, ONE_OF_SEVERAL = 1, 2
"""How a child is named after its mother: a word or sign of order tells that there are others."""

FIRST_USUAL, LAST_USUAL, WIDTH = 0x4E00, 0x9FFF, 3
"""The usual Chinese characters, and their bytes in UTF-8."""

ODD: Final = tuple(map(ord, sorted({alternative[0] for alternative in (NEWBORN.pattern, *NOTHING.pattern.split("|"))})))
"""Characters of which one stands in whatever `normalised` changes or takes for no name."""

UNSPOKEN: Final = 27**6
"""Above the code of every pinyin syllable: six letters, a as 1."""


class Names(NamedTuple):
    """One entry per name, the first of nothing; arrays that compiled code reads as they are."""

    form: np.ndarray  # int64: hash of the normalised name, 0 for none
    letters: np.ndarray  # int64: hash of its characters in sorted order
    sound: np.ndarray  # int64: hash of its characters' pinyin codes
    codes: np.ndarray  # int32 (names, LONGEST): code points, zeros behind the last
    length: np.ndarray  # int8
    surname: np.ndarray  # int32: pinyin code of the first character
    newborn: np.ndarray  # int8: 0 named, ALONE or ONE_OF_SEVERAL: named after the mother only
    stem: np.ndarray  # int64: form of the mother's name within the name of a newborn, 0 for others
    bearers: np.ndarray  # int32: how many birth dates the name is found with


def read_names(
    name: list[pa.DictionaryArray], mother: list[pa.DictionaryArray]
) -> tuple[Names, np.ndarray, np.ndarray]:
    """Return the names, and for each registration the place of its own and of its mother's name (int32).

    Names come as dictionaries of texts, piece by piece.
    """
    written = pa.chunked_array([*name, *mother]).unify_dictionaries()
    texts = written.chunk(0).dictionary if written.num_chunks else pa.array([], pa.string())
    codes, stems, newborn = _spelled(pa.concat_arrays([pa.array([""]), texts]))
    _, first, position = np.unique(hashed_rows(codes), return_index=True, return_inverse=True)
    place = np.concatenate([_indices(chunk) for chunk in written.chunks]) if len(written) else np.empty(0, np.int32)
    own, mothers = np.split(position.astype(np.int32)[place], 2)
    return names_of(codes[first], stems[first], newborn[first]), own, mothers


def _indices(chunk: pa.DictionaryArray) -> np.ndarray:
    """Return places among the texts, which begin with nothing."""
    return chunk.indices.fill_null(-1).to_numpy() + 1


def _spelled(texts: pa.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the code points of names and of the mothers' names in them, (texts, LONGEST), and how newborns are named.

    `normalised` decides; the usual names are read alike without it.
    """
    codes = usual_names(*utf8(texts))
    stems, newborn = np.zeros_like(codes), np.zeros(len(codes), np.int8)
    odd = np.flatnonzero(codes[:, 0] == 0)
    normal, mothers, kinds = zip(("", "", 0), *map(normalised, texts.take(pa.array(odd)).to_pylist()), strict=True)
    codes[odd], stems[odd], newborn[odd] = code_points(normal)[1:], code_points(mothers)[1:], kinds[1:]
    return codes, stems, newborn


@numba.njit(cache=True, nogil=True)
def usual_names(data, edges):  # pragma: no cover - compiled
    """Return the code points (texts, LONGEST) of names of Chinese characters that mean nothing but a name, 0 of others.

    `data` and `edges` as `hashing.utf8` returns them.
    """
    codes = np.zeros((len(edges) - 1, LONGEST), np.int32)
    for row in range(len(codes)):
        start, end = edges[row], edges[row + 1]
        if end - start > WIDTH * LONGEST:
            continue
        for place in range(start, end, WIDTH):
            code = _character(data, place, end)
            if code == 0 or code in ODD:
                codes[row] = 0
                break
            codes[row, (place - start) // WIDTH] = code
    return codes


@numba.njit(cache=True, nogil=True)
def _character(data, place, end):  # pragma: no cover - compiled
    """Return the usual Chinese character at a place of UTF-8, 0 if there is another one."""
    if place + WIDTH > end or data[place] & 0xF0 != 0xE0:
        return 0
    code = (data[place] & 0x0F) << 12 | (data[place + 1] & 0x3F) << 6 | data[place + 2] & 0x3F
    return code if FIRST_USUAL <= code <= LAST_USUAL else 0


def normalised(written: str) -> tuple[str, str, int]:
    """Return a name without separators ("" for none), the mother's name within that of a newborn, and `newborn`."""
    tidy = SEPARATORS.sub("", normalize("NFC", written)).upper()
    if NOTHING.fullmatch(tidy):
        return "", "", 0
    unnamed = NEWBORN.search(tidy)
    if not unnamed or not unnamed.start():
        return tidy[:LONGEST], "", 0
    several = unnamed["order"] or unnamed["sign"]
    return tidy[:LONGEST], tidy[: unnamed.start()][:LONGEST], ONE_OF_SEVERAL if several else ALONE


def names_of(codes: np.ndarray, stems: np.ndarray, newborn: np.ndarray) -> Names:
    """Return names of their code points, of those of the mothers in them, and of how newborns are named."""
    sounds = _sounds(codes)
    return Names(
        form=hashed_rows(codes),
        letters=hashed_rows(_sorted_letters(codes)),
        sound=hashed_rows(sounds),
        codes=codes,
        length=(codes != 0).sum(axis=1).astype(np.int8),
        surname=np.ascontiguousarray(sounds[:, 0]),
        newborn=newborn,
        stem=hashed_rows(stems),
        bearers=np.zeros(len(codes), dtype=np.int32),
    )


def _sorted_letters(codes: np.ndarray) -> np.ndarray:
    """Return the code points of each row in descending order, so that zeros stay behind them."""
    return np.sort(codes, axis=1)[:, ::-1]


def code_points(texts: tuple[str, ...]) -> np.ndarray:
    """Return code points (texts, LONGEST) as int32."""
    wide = np.array(texts, dtype=f"<U{LONGEST}")
    return wide.view(np.int32).reshape(len(wide), LONGEST)


def _sounds(codes: np.ndarray) -> np.ndarray:
    """Return the characters' sounds as codes (int32)."""
    sound = np.zeros(codes.max(initial=0) + 1, dtype=np.int32)
    sound[codes] = 1
    characters = np.flatnonzero(sound)
    sound[characters] = [sound_code(code) for code in characters.tolist()]
    return sound[codes]


@cache
def sound_code(character: int) -> int:
    """Return the pinyin of a code point, letters as digits to the base of 27; what has none sounds like itself."""
    if character == 0:
        return 0
    (syllable,) = lazy_pinyin(chr(character))
    if syllable == chr(character) or not (syllable.isascii() and syllable.isalpha()):
        return UNSPOKEN + character
    code = 0
    for letter in syllable[:6].lower():
        code = code * 27 + ord(letter) - ord("a") + 1
    return code
