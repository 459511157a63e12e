"""Work side by side: compiled functions, sorting and reading let other threads run."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

THREADS: Final = 2
PARTS, LEAST = 8, 1 << 14
"""Parts that a long piece of work is cut into, so that no thread waits long for another; what is short stays whole."""

Item = TypeVar("Item")
Found = TypeVar("Found")


def side_by_side(work: Callable[[Item], Found], items: Iterable[Item]) -> list[Found]:
    """Return what some work finds for each item, in the order of the items."""
    items = list(items)
    if len(items) <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, items))


def spans(count: int) -> list[slice]:
    """Return parts that follow each other of so many places, none for none."""
    step = max(LEAST, -(-count // PARTS))
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]
