"""Results in the order of what they are made of, some of them made ahead of where they are needed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["prefetch"]

T = TypeVar("T")
R = TypeVar("R")


def prefetch(function: Callable[[T], R], items: Iterable[T], *, threads: int, most: int) -> Generator[R, None, None]:
    """Results in the order of the items, of which up to `most` are worked on while the caller is busy with others.

    Args:
        function: Runs in threads of its own; what it raises is raised where its result would have been.
        items: Read by the thread of the caller, at most `most` items further than the results taken.
        threads: How many items are worked on at once.
        most: With 0 the caller waits for each.
    """
    pool = ThreadPoolExecutor(threads)
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
