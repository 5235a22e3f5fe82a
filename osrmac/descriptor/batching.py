"""What to compute together, or apart after all: order and results stay those of one at a time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import torch

__all__ = ["Batches", "buckets", "fitting", "windows"]

T = TypeVar("T")
R = TypeVar("R")

_FILLED = 0.8


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


def fitting(free: int, used: int, most: int) -> int:
    """How many items fit into the free memory if one uses so much, and a fifth is left over.

    >>> fitting(free=100, used=10, most=32), fitting(free=1000, used=10, most=32), fitting(free=1, used=10, most=32)
    (8, 32, 1)
    """
    return max(1, min(most, int(_FILLED * free) // max(1, used)))


class Batches:
    """Computes items together, and what cannot be computed together apart.

    Args:
        most: Items of a batch. After a batch that was too large for the memory none is as large again.
    """

    def __init__(self, most: int) -> None:
        self.most = most

    def __call__(self, compute: Callable[[Sequence[T]], list[R]], items: Sequence[T]) -> list[R | Exception]:
        """Results in the order of the items; an item that fails alone has its error instead, and costs no neighbour."""
        results: list[R | Exception] = []
        while len(results) < len(items):
            batch = items[len(results) : len(results) + self.most]
            try:
                computed = _halving(compute, batch)
                results += computed
            except torch.OutOfMemoryError:
                self.most = len(batch) // 2
        return results


def _halving(compute: Callable[[Sequence[T]], list[R]], items: Sequence[T]) -> Sequence[R | Exception]:
    try:
        return compute(items)
    except Exception as error:
        if len(items) == 1:
            return [error.with_traceback(None)]  # which holds on to the tensors of the attempt
        if isinstance(error, torch.OutOfMemoryError):
            raise
    middle = len(items) // 2
    return [*_halving(compute, items[:middle]), *_halving(compute, items[middle:])]
