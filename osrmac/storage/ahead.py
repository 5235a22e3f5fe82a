"""Results in the order of what they are made of, some of them made ahead of where they are needed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

__all__ = ["ahead"]

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


def ahead(
    threads: ThreadPoolExecutor, make: Callable[[_Given], _Made], given: Iterable[_Given], number: int
) -> Iterator[_Made]:
    """What a function makes of each thing given, in the same order; at most so many results are held."""
    left = iter(given)
    due: deque[Future[_Made]] = deque(threads.submit(make, one) for one in islice(left, number))
    while due:
        yield due.popleft().result()
        due.extend(threads.submit(make, one) for one in islice(left, 1))
