"""What a patient says, as numbers that are compared: computed once when it is said, kept, and compared as it lies.

`linkage.reading` reads files of registrations into the same numbers; here they are read one by one, in plain Python,
which for a single one takes some twenty microseconds. `tests/generative` holds both against each other.
"""
# mypy: disable-error-code="no-untyped-def"

import re
from datetime import date
from functools import cache, lru_cache
from struct import Struct
from typing import Final, NamedTuple, Protocol

import numba
import numpy as np

from kangqiao.identity.documents import DocumentType
from kangqiao.identity.linkage.blocking import RULES, Pairs, key_of
from kangqiao.identity.linkage.cards import card_of
from kangqiao.identity.linkage.columns import FAR, NEAR, NONE, UNDATED, Registrations
from kangqiao.identity.linkage.crowds import Crowds
from kangqiao.identity.linkage.days import day_of
from kangqiao.identity.linkage.documents import document_of
from kangqiao.identity.linkage.entries import ENTRY, rows_of, trust
from kangqiao.identity.linkage.hashing import closed, hashed, mix
from kangqiao.identity.linkage.model import Model
from kangqiao.identity.linkage.names import LONGEST, NO_NAME, normalised, sound_code
from kangqiao.identity.linkage.reading import LONGEST_DIVISION, LONGEST_PHONE, SHORTEST_PHONE, how_number_fits
from kangqiao.identity.linkage.scoring import put_patterns, weigh
from kangqiao.identity.linkage.townships import renumbered
from kangqiao.standards.lunar import written_as_solar

TRAITS: Final = np.dtype([("entry", ENTRY), ("form", np.int64), ("codes", np.int32, (LONGEST,))], align=True)
"""An entry (`linkage.entries`) as one registration tells it, so without what is counted in the city and without places
among names; and `form` and `codes` of its name as in `Names`."""
OF_OTHERS: Final = ("bearers", "holders", "callers", "name", "mother")
"""What an entry says about others besides; 0 in traits."""


_WHOLE: Final = {1: "b", 2: "h", 4: "i", 8: "q"}


def _packing() -> tuple[Struct, list[str]]:
    """Return how the numbers of one patient become TRAITS, and the order of these numbers."""
    places = {word: ENTRY.fields[word] for word in ENTRY.names or ()} if ENTRY.fields else {}
    pieces, words, end = ["<"], [], 0
    for word, (kind, start, *_) in sorted(places.items(), key=lambda item: item[1][1]):
        pieces.append(f"{start - end}x{_WHOLE[kind.itemsize]}")
        words.append(word)
        end = start + kind.itemsize
    offsets = {word: field[1] for word, field in (TRAITS.fields or {}).items()}
    rest = TRAITS.itemsize - offsets["codes"] - 4 * LONGEST
    pieces.append(f"{offsets['form'] - end}xq{4 * LONGEST}s{rest}x")
    return Struct("".join(pieces)), words


_PACKED, _WORDS = _packing()
_PHONE: Final = re.compile(rf"[0-9]{{{SHORTEST_PHONE},}}$")
_EPOCH: Final = date(1970, 1, 1).toordinal()


class Told(Protocol):
    """What institutions say of a patient: a `Registration`, or a row of `identity_patient`."""

    @property
    def institution_id(self) -> int: ...

    @property
    def name(self) -> str | None: ...

    @property
    def sex(self) -> str | None: ...

    @property
    def birth_date(self) -> date | None: ...

    @property
    def key_type(self) -> str | None: ...

    @property
    def key_number(self) -> str | None: ...

    @property
    def shown_number(self) -> str | None: ...

    @property
    def health_card(self) -> str | None: ...

    @property
    def phone(self) -> str | None: ...

    @property
    def division(self) -> str | None: ...

    @property
    def mother_name(self) -> str | None: ...

    @property
    def mother_number(self) -> str | None: ...

    @property
    def registered_on(self) -> date | None: ...


class Likest(NamedTuple):
    """Of residents that one patient may be, the likeliest first, by its likeliest patient each: that patient's place,
    the rule that came across it, the pattern and its weight."""

    place: list[int]
    rule: list[int]
    pattern: list[int]
    weight: list[float]


class Compared(NamedTuple):
    """Several patients ready to be compared: rows of `linkage.entries.ENTRY`, and `codes` as in `Names`."""

    rows: np.ndarray
    codes: np.ndarray


def traits_of(told: Told, *, today: date) -> bytes:
    """Return one patient's TRAITS as bytes."""
    key, number, check = _document(told, today)
    name, mother = _named(told.name or ""), _named(told.mother_name or "")
    birth, sex = _date(told.birth_date), int(told.sex) % 3 if told.sex in ("0", "1", "2", "9") else 0
    registered = told.registered_on.toordinal() - _EPOCH if told.registered_on else 0
    day, fit = _day_and_fit(key, told.birth_date, registered, bool(name.newborn))
    fit = trust(fit, key, sex, birth)
    own = key > 0 and fit != FAR
    division = _division(told.division)
    values = {
        **dict.fromkeys(OF_OTHERS, 0),
        "letters": name.letters,
        "sound": name.sound,
        "stem": name.stem,
        "surname": name.surname,
        "newborn": name.newborn,
        "length": name.length,
        "key": key,
        "number": number,
        "check": check,
        "card": card_of(told.health_card or ""),
        "phone": _phone(told.phone),
        "division": division,
        "renumbered": _renumbered(division),
        "mother_key": _mothers_key(told.mother_number, today),
        "mother_form": mother.form,
        "mother_sound": mother.sound,
        "birth": birth,
        "own_birth": key // 1000 % 100_000_000 if own else birth,
        "day": day,
        "lunar": _lunar(day),
        "registered": registered,
        "institution": told.institution_id,
        "fit": fit,
        "sex": sex,
        "own_sex": 2 - key % 2 if own else sex,
    }
    return _PACKED.pack(*(values[word] for word in _WORDS), name.form, name.codes)


def traits_of_file(read: Registrations, chosen: np.ndarray) -> np.ndarray:
    """Return the registrations at positions (int32) of a file that was read as TRAITS."""
    rows, names = rows_of(read, chosen), read.names
    traits = np.zeros(len(chosen), TRAITS)
    traits["entry"] = rows
    for word in OF_OTHERS:
        traits["entry"][word] = 0
    traits["form"], traits["codes"] = names.form[rows["name"]], names.codes[rows["name"]]
    return traits


def traits_from(packed: bytes) -> np.ndarray:
    """Return kept traits, one after the other, as an array."""
    return np.frombuffer(packed, TRAITS)


def compared_from(traits: np.ndarray, crowds: Crowds) -> Compared:
    """Return patients as they are compared; what many share is taken from the crowds of the whole city."""
    rows = _entries(traits)
    return Compared(rows, _codes(rows, traits, crowds))


def faces_of(said: np.ndarray) -> np.ndarray:
    """Return the places (int32, ascending) of those who speak for their residents: of patients of one resident that
    say the same (`said_by`), the first."""
    return _firsts(said, np.zeros(len(said), np.bool_))[0]


def faces_among(traits: np.ndarray, person: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the same of patients and the residents (int32) they are linked to, and which of those who speak say what
    somebody asked for (bool) says."""
    rows = _entries(traits)
    return _faces(_words(rows), rows, traits, person, asked)


def said_by(contents: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Return a hash (int64) of what is said (`contents_of`) together with the resident of whom."""
    return _scattered_by(contents, person.astype(np.int64))


def contents_of(rows: np.ndarray) -> np.ndarray:
    """Return a hash (int64) of what each of several entries says, of newborns also where and when it was said."""
    return _contents(_words(rows), rows)


def _words(rows: np.ndarray) -> np.ndarray:
    return rows.view(np.int64).reshape(len(rows), ENTRY.itemsize // 8)


def _without(*words: str) -> np.ndarray:
    """Return what leaves of an entry's words everything but some of its fields."""
    octets = np.full(ENTRY.itemsize, 0xFF, np.uint8)
    for word, (kind, start, *_) in (ENTRY.fields or {}).items():
        if word in words:
            octets[start : start + kind.itemsize] = 0
    return octets.view(np.int64)


def clues_of(compared: Compared) -> np.ndarray:
    """Return what patients can be found by, (patients, rules) int64: hashes of rule and key, NONE where none."""
    return _clues(compared.rows, len(RULES))


_SAID_ANYWHERE: Final = _without("institution", "registered")


def clues_of_one(packed: bytes) -> tuple[list[int], list[int]]:
    """Return what one patient can be found by, each clue once and in ascending order, and how many may share each."""
    clues, most = _clues_of_one(np.frombuffer(packed, TRAITS)["entry"], MOST)
    return clues.tolist(), most.tolist()


def pairs_sharing_clues(compared: Compared) -> tuple[Pairs, np.ndarray]:
    """Return all pairs of a few patients that share a clue, each with the first rule by which they do, and the pattern
    of each (int64)."""
    left, right, rule, patterns = _pairs(*compared)
    return Pairs(left, right, rule), patterns


def likest_first(traits: np.ndarray, residents: np.ndarray, crowds: Crowds, model: Model, *, most: int) -> Likest:
    """Compare the first patient with the others; `residents` (n - 1, 2) int64, the halves of the ids of theirs."""
    found = _likest(_entries(traits), traits, residents, crowds, model.weights, model.priors, most)
    return Likest(*(array.tolist() for array in found))


def _entries(traits: np.ndarray) -> np.ndarray:
    """Return a copy of the entries in traits: bytes take a quarter of the time of fields."""
    octets = traits.view(np.uint8).reshape(len(traits), TRAITS.itemsize)
    return octets[:, : ENTRY.itemsize].copy().reshape(-1).view(ENTRY)


MOST: Final = np.array([rule.most for rule in RULES], np.int32)
"""How many patients may share a clue of each rule."""


@numba.njit(cache=True, nogil=True)
def _clues(rows, rules):  # pragma: no cover - compiled
    found = np.zeros((len(rows), rules), np.int64)
    for row in range(len(rows)):
        for rule in range(rules):
            key = key_of(rows[row], rule)
            if key != NONE:
                found[row, rule] = closed(mix(mix(np.uint64(0), np.int64(rule + 1)), key))
    return found


@numba.njit(cache=True, nogil=True)
def _clues_of_one(rows, most):  # pragma: no cover - compiled
    found = _clues(rows, len(most))[0]
    order, count = np.argsort(found), 0
    clues, shared = np.empty(len(found), np.int64), np.empty(len(found), np.int32)
    for place in order:
        if found[place] != NONE and (count == 0 or found[place] != clues[count - 1]):
            clues[count], shared[count] = found[place], most[place]
            count += 1
    return clues[:count].copy(), shared[:count].copy()


@numba.njit(cache=True, nogil=True)
def _sharing(clues, firsts):  # pragma: no cover - compiled
    most = firsts * (len(clues) - 1)
    left, right, rule, found = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.int8), 0
    for one in range(firsts):
        for other in range(one + 1, len(clues)):
            for place in range(clues.shape[1]):
                if clues[one, place] != NONE and clues[one, place] == clues[other, place]:
                    left[found], right[found], rule[found] = one, other, place
                    found += 1
                    break
    return left[:found].copy(), right[:found].copy(), rule[:found].copy()


@numba.njit(cache=True, nogil=True)
def _pairs(rows, codes):  # pragma: no cover - compiled
    left, right, rule = _sharing(_clues(rows, len(MOST)), len(rows))
    patterns = np.empty(len(left), np.int64)
    put_patterns(patterns, rows, codes, left, right)
    return left, right, rule, patterns


@numba.njit(cache=True, nogil=True)
def _likest(rows, traits, residents, crowds, weights, priors, most):  # pragma: no cover - compiled
    codes = _codes(rows, traits, crowds)
    left, right, rule = _sharing(_clues(rows, len(MOST)), 1)
    patterns, totals = np.empty(len(right), np.int64), np.empty(len(right))
    put_patterns(patterns, rows, codes, left, right)
    weigh(totals, patterns, weights, priors)
    best, count = np.empty(min(most, len(right)), np.int64), 0
    for pair in np.argsort(-totals, kind="mergesort"):
        if count == len(best):
            break
        if _is_new(residents, right[pair] - 1, right, best, count):
            best[count] = pair
            count += 1
    best = best[:count]
    return right[best] - 1, rule[best], patterns[best], totals[best]


@numba.njit(cache=True, nogil=True)
def _is_new(residents, place, right, best, count):  # pragma: no cover - compiled
    found = False
    for former in range(count):
        found |= (residents[right[best[former]] - 1] == residents[place]).all()
    return not found


@numba.njit(cache=True, nogil=True)
def _contents(words, rows):  # pragma: no cover - compiled
    found = np.empty(len(rows), np.int64)
    for row in range(len(rows)):
        found[row] = closed(_content(words[row], rows[row].newborn))
    return found


@numba.njit(cache=True, nogil=True)
def _content(words, newborn):  # pragma: no cover - compiled
    value = np.uint64(0)
    for place in range(len(words)):
        value = mix(value, words[place] if newborn else words[place] & _SAID_ANYWHERE[place])
    return value


@numba.njit(cache=True, nogil=True)
def _faces(words, rows, traits, person, asked):  # pragma: no cover - compiled
    said = np.empty(len(rows), np.int64)
    for row in range(len(rows)):
        value = mix(_content(words[row], rows[row].newborn), traits[row].form)
        said[row] = closed(mix(value, np.int64(person[row])))
    return _firsts(said, asked)


@numba.njit(cache=True, nogil=True)
def _scattered_by(contents, person):  # pragma: no cover - compiled
    found = np.empty(len(contents), np.int64)
    for row in range(len(contents)):
        found[row] = closed(mix(mix(np.uint64(0), contents[row]), person[row]))
    return found


@numba.njit(cache=True, nogil=True)
def _firsts(said, asked):  # pragma: no cover - compiled
    """Return the places (int32) of the first of equal hashes, none of which is 0, and whether any of them is asked."""
    size = 4
    while size < 2 * len(said):
        size *= 2
    known, at, count = np.zeros(size, np.int64), np.empty(size, np.int32), 0
    firsts, of_asked = np.empty(len(said), np.int32), np.zeros(len(said), np.bool_)
    for row in range(len(said)):
        place = said[row] & (size - 1)
        while known[place] != 0 and known[place] != said[row]:
            place = (place + 1) & (size - 1)
        if known[place] == 0:
            known[place], at[place] = said[row], count
            firsts[count] = row
            count += 1
        of_asked[at[place]] |= asked[row]
    return firsts[:count].copy(), of_asked[:count].copy()


@numba.njit(cache=True, nogil=True)
def _codes(rows, traits, crowds):  # pragma: no cover - compiled
    """Give names their places, 0 to none, and what is shared its counts; return the codes of the names."""
    forms = np.empty(len(traits), np.int64)
    for row in range(len(traits)):
        forms[row] = traits[row].form
    codes, place, former = np.zeros((len(rows) + 1, LONGEST), np.int32), 0, NO_NAME
    for row in np.argsort(forms, kind="mergesort"):
        form = forms[row]
        if form != former:
            place, former = place + 1, form
            for letter in range(codes.shape[1]):
                codes[place, letter] = traits[row].codes[letter]
        rows[row].name = place
        rows[row].mother = 1 if rows[row].mother_form != 0 else NO_NAME
        rows[row].holders = _behind(rows[row].key, crowds.keys, crowds.holders)
        rows[row].callers = _behind(rows[row].phone, crowds.phones, crowds.callers)
        rows[row].bearers = _behind(form, crowds.forms, crowds.bearers)
    return codes[: place + 1]


@numba.njit(cache=True, nogil=True)
def _behind(value, crowds, counts):  # pragma: no cover - compiled
    place = np.searchsorted(crowds, value)
    return counts[place] if place < len(crowds) and crowds[place] == value else np.int32(1)


class _Name(NamedTuple):
    form: int
    letters: int
    sound: int
    stem: int
    surname: int
    codes: bytes
    newborn: int
    length: int


@lru_cache(maxsize=1 << 16)
def _named(written: str) -> _Name:
    name, stem, newborn = normalised(written)
    codes = [ord(character) for character in name]
    sounds = [sound_code(code) for code in codes]
    return _Name(
        form=hashed(codes),
        letters=hashed(sorted(codes, reverse=True)),
        sound=hashed(sounds),
        stem=hashed(map(ord, stem)),
        surname=sounds[0] if sounds else 0,
        codes=np.array(codes + [0] * (LONGEST - len(codes)), "<i4").tobytes(),
        newborn=newborn,
        length=len(codes),
    )


def _lunar(day: int) -> int:
    if day in _DAYS:
        return _lunar_days()[day - _DAYS.start]
    return int(written_as_solar(np.array([day], "datetime64[D]")).astype(np.int32)[0])


@cache
def _lunar_days() -> list[int]:
    """Return what is written for every day of a few generations: computing them together takes no longer than five."""
    return written_as_solar(np.array(_DAYS, "datetime64[D]")).astype(np.int32).tolist()


_DAYS: Final = range(date(1900, 2, 1).toordinal() - _EPOCH, date(2100, 1, 1).toordinal() - _EPOCH)


@lru_cache(maxsize=1 << 16)
def _renumbered(division: int) -> int:
    return int(renumbered(np.array([division]))[0])


def _mothers_key(number: str | None, today: date) -> int:
    return document_of(DocumentType.CITIZEN_ID, number, today=today)[0] if number else NONE


def _document(told: Told, today: date) -> tuple[int, int, int]:
    number = told.key_number or told.shown_number
    return document_of(told.key_type, number, today=today) if number else (NONE, NONE, 0)


def _date(day: date | None) -> int:
    return day.year * 10000 + day.month * 100 + day.day if day else NONE


def _day_and_fit(key: int, born: date | None, registered: int, newborn: bool) -> tuple[int, int]:
    inside = key // 1000 % 100_000_000 if key > 0 else NONE
    told = day_of(inside) if key > 0 else UNDATED
    day = born.toordinal() - _EPOCH if born else registered if newborn else told
    return day, how_number_fits(inside, told, _date(born), day) if key > 0 else NEAR


def _phone(written: str | None) -> int:
    found = _PHONE.search(written or "")
    return int(found[0][-LONGEST_PHONE:]) if found else NONE


def _division(written: str | None) -> int:
    code = written or ""
    return int(code) if code.isascii() and code.isdigit() and len(code) <= LONGEST_DIVISION else NONE
