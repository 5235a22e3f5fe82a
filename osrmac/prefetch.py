"""Ordered parallel map with bounded read-ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["prefetch"]

T = TypeVar("T")
R = TypeVar("R")


def prefetch(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    threads: int,
    depth: int,
    cancel: Callable[[], object] | None = None,
    size: Callable[[T], int] = lambda _: 0,
    max_size: int = 0,
) -> Generator[R, None, None]:
    """Apply a function to items in a thread pool, and yield the results in the order of the items.

    Args:
        function: Runs in the threads of the pool. Its exceptions are raised in place of the result.
        items: Consumed in the calling thread, at most `depth` items ahead of the yielded results.
        threads: Number of threads.
        depth: Number of items computed ahead of the caller; with 0, each result is computed when it is requested.
        cancel: Called before the threads are waited for at the end. It must end calls of the function that wait for the
            caller to take another result.
        size: Size of an item, such as its bytes.
        max_size: Size of all items together whose results are not there yet. No further item is consumed above it.
    """
    pool = ThreadPoolExecutor(threads)
    pending: deque[tuple[Future[R], int]] = deque()
    try:
        for item in items:
            pending.append((pool.submit(function, item), size(item)))
            del item  # it is held until the function has returned, and no longer
            while len(pending) > depth or sum(held for future, held in pending if not future.done()) > max_size:
                yield pending.popleft()[0].result()
        while pending:
            yield pending.popleft()[0].result()
    finally:
        if cancel is not None:
            cancel()
        pool.shutdown(cancel_futures=True)
