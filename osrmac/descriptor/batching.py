"""Batching of items: chunks of a stream, groups of equal shape, and batches that are split where they fail."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import torch

__all__ = ["Batcher", "chunked", "fitting_batch_size", "group_positions"]

T = TypeVar("T")
R = TypeVar("R")

_USABLE_MEMORY = 0.8


def chunked(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of `size`; the last one may be shorter.

    >>> list(chunked("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def group_positions(keys: Iterable[Hashable]) -> list[list[int]]:
    """Group the positions of equal keys.

    >>> group_positions(["4:3", "3:2", "4:3"])
    [[0, 2], [1]]
    """
    groups: dict[Hashable, list[int]] = {}
    for position, key in enumerate(keys):
        groups.setdefault(key, []).append(position)
    return list(groups.values())


def fitting_batch_size(free: int, per_item: int, limit: int) -> int:
    """Return the largest batch size, from 1 to `limit`, that uses at most 80% of the free memory.

    Args:
        free: Free memory, in bytes.
        per_item: Memory that one item needs, in bytes.
        limit: Upper bound of the batch size.

    >>> [fitting_batch_size(free, per_item=10, limit=32) for free in (100, 1000, 1)]
    [8, 32, 1]
    """
    return max(1, min(limit, int(_USABLE_MEMORY * free) // max(1, per_item)))


class Batcher:
    """Runs a function on batches of items, and splits a batch that fails.

    Args:
        max_size: Items per batch.

    Attributes:
        max_size: Items per batch; lowered for good when a batch does not fit into the memory.
    """

    def __init__(self, max_size: int) -> None:
        self.max_size = max_size

    def __call__(self, compute: Callable[[Sequence[T]], list[R]], items: Sequence[T]) -> list[R | Exception]:
        """Return the results in the order of the items, with the exception in place of each item that fails alone."""
        results: list[R | Exception] = []
        while len(results) < len(items):
            batch = items[len(results) : len(results) + self.max_size]
            try:
                computed = _compute_or_split(compute, batch)
                results += computed
            except torch.OutOfMemoryError:
                self.max_size = len(batch) // 2
        return results


def _compute_or_split(compute: Callable[[Sequence[T]], list[R]], items: Sequence[T]) -> Sequence[R | Exception]:
    try:
        return compute(items)
    except Exception as error:
        if len(items) == 1:
            return [error.with_traceback(None)]  # a traceback keeps the tensors of the attempt in memory
        if isinstance(error, torch.OutOfMemoryError):
            raise
    middle = len(items) // 2
    return [*_compute_or_split(compute, items[:middle]), *_compute_or_split(compute, items[middle:])]
