"""Pages of long lists, found by key: as fast on the thousandth page as on the first."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class KeyPage(Generic[Row]):
    """Some rows, and the key after which the next page begins (None on the last page)."""

    rows: list[Row]
    next_key: str | None


def key_page(rows: Iterable[Row], *, size: int, key: Callable[[Row], object]) -> KeyPage[Row]:
    """Return the first `size` rows, reading one more to know whether a next page exists.

    Give a sliced query set (`[: size + 1]`) or any iterable already in order and past the previous page's key.
    """
    taken = list(islice(rows, size + 1))
    more = len(taken) > size
    return KeyPage(taken[:size], str(key(taken[size - 1])) if more else None)
