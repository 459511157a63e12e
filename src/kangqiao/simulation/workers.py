"""Work shared out over processes; with one process everything runs in this one, in order."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any, TypeVar

import django

T = TypeVar("T")
Run = Callable[[Callable[..., T], Sequence[tuple]], Iterator[T]]
"""Takes a function and the arguments of every call; yields the results as they are ready."""


@contextmanager
def workers(processes: int) -> Iterator[Run]:
    """Yield a function that runs calls on so many processes."""
    if processes <= 1:
        yield _here
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=django.setup) as pool:

        def elsewhere(function: Callable[..., Any], calls: Sequence[tuple]) -> Iterator[Any]:
            for future in as_completed([pool.submit(function, *call) for call in calls]):
                yield future.result()

        yield elsewhere


def _here(function: Callable[..., Any], calls: Sequence[tuple]) -> Iterator[Any]:
    return (function(*call) for call in calls)
