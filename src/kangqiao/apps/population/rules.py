"""What is asked before names are shown, and how figures are put together. Pure decisions."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from kangqiao.trust.actions import Purpose
from kangqiao.trust.actors import Actor
from kangqiao.trust.errors import NotPermitted
from kangqiao.trust.permissions import Permission

PURPOSES: Final = (Purpose.OPERATION, Purpose.PUBLIC_HEALTH, Purpose.OWN_REQUEST)
"""Why somebody looks at named people here; supervision works on figures, not on persons."""

BAND: Final = 5
OLDEST: Final = 100
"""Ages of a band of the pyramid, and where the last one, open to the top, begins."""

SAMPLE_BELOW: Final = 0.5
"""A count below this share of the published population is that of a sample."""


def read_purpose(word: str | None) -> Purpose | None:
    """Return the purpose a word names, None when it names none of `PURPOSES`."""
    return next((purpose for purpose in PURPOSES if purpose.value == word), None)


def require_named_reading(actor: Actor, purpose: Purpose) -> None:
    """Raise `NotPermitted` unless the actor may look at named people for this purpose."""
    actor.require(Permission.PERSON_READ)
    if purpose not in PURPOSES:
        raise NotPermitted(f"“{purpose.label}”不能作为查看个人信息的目的。")


@dataclass(frozen=True, slots=True)
class Group:
    """So many people of one sex (1 man, 2 woman, 9 unknown) and age (None unknown)."""

    sex: str
    age: int | None
    people: int


@dataclass(frozen=True, slots=True)
class Band:
    """A line of the pyramid: people of five years of age (or unknown age), men, women and those of unknown sex."""

    title: str
    men: int
    women: int
    unknown: int

    @property
    def people(self) -> int:
        """All of them."""
        return self.men + self.women + self.unknown


def bands_of(groups: Iterable[Group]) -> list[Band]:
    """Return the bands from 0–4 to 100 and over, the youngest first; people of unknown age, if any, come last."""
    counted: dict[int | None, dict[str, int]] = {}
    for group in groups:
        first = None if group.age is None else min(group.age // BAND * BAND, OLDEST)
        of_band = counted.setdefault(first, {})
        of_band[group.sex] = of_band.get(group.sex, 0) + group.people
    firsts: list[int | None] = [*range(0, OLDEST + BAND, BAND), *([None] if None in counted else [])]
    return [_band(first, counted.get(first, {})) for first in firsts]


def _band(first: int | None, people: dict[str, int]) -> Band:
    return Band(_title(first), people.get("1", 0), people.get("2", 0), people.get("9", 0))


def _title(first: int | None) -> str:
    if first is None:
        return "年龄不详"
    return f"{first} 岁及以上" if first == OLDEST else f"{first}–{first + BAND - 1}"


def share(part: int, whole: int | None) -> float | None:
    """Return a part in percent of the whole, None where there is no whole."""
    return 100 * part / whole if whole else None
