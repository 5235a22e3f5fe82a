"""What to compute together, or apart after all: order and results stay those of one at a time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

__all__ = ["buckets", "halving", "windows"]

T = TypeVar("T")
R = TypeVar("R")


def windows(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Items in runs of `size`; the last may be shorter.

    >>> list(windows("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    iterator = iter(items)
    while window := list(islice(iterator, size)):
        yield window


def buckets(keys: Iterable[Hashable]) -> list[list[int]]:
    """Positions of equal keys together.

    >>> buckets(["4:3", "3:2", "4:3"])
    [[0, 2], [1]]
    """
    found: dict[Hashable, list[int]] = {}
    for position, key in enumerate(keys):
        found.setdefault(key, []).append(position)
    return list(found.values())


def halving(compute: Callable[[Sequence[T]], list[R]], items: Sequence[T]) -> list[R | Exception]:
    """Compute items together; if that fails, in halves, down to single ones, whose error then stands for the result.

    So a batch too large for the memory is computed in parts, and what cannot be computed costs no neighbour.
    """
    try:
        return [*compute(items)]
    except Exception as error:
        if len(items) == 1:
            return [error.with_traceback(None)]  # which holds on to the tensors of the attempt
    middle = len(items) // 2
    return [*halving(compute, items[:middle]), *halving(compute, items[middle:])]
