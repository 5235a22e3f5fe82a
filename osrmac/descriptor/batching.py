"""Batching of items: buckets of equal shape, and batches of a few fixed sizes that are split where they fail."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import repeat
from typing import Generic, TypeVar

import torch

__all__ = ["Batcher", "Buckets", "batch_size", "fitting_batch_size"]

T = TypeVar("T")
R = TypeVar("R")

_USABLE_MEMORY = 0.4
"""Share of the free memory that a batch may take. CUDA graphs keep as much for the batches to come."""

_LEAST_FILLED = 0.75
"""Share of a batch that must not be copies. More copies would take longer than the smaller batches that they save."""


class Buckets(Generic[T]):
    """Collects the items of a stream by key, until those of equal key make a batch.

    Args:
        size: Items of a full batch.
        window: Positions in the stream that an item waits for others. The items of a batch are no further apart.
    """

    def __init__(self, size: int, window: int) -> None:
        self._size = size
        self._window = window
        self._buckets: dict[Hashable, list[tuple[int, T]]] = {}

    def add(self, position: int, key: Hashable, item: T) -> None:
        """Add the item at a position of the stream; positions increase."""
        self._buckets.setdefault(key, []).append((position, item))

    def due(self, position: int) -> Iterator[list[tuple[int, T]]]:
        """Remove and yield the batches that are full, or cannot wait longer when the stream has reached a position.

        Yields:
            Items of equal key with their positions, in their order; up to `size` of them.
        """
        for key, items in list(self._buckets.items()):
            if len(items) == self._size or items[0][0] <= position - self._window:
                yield self._buckets.pop(key)

    def rest(self) -> Iterator[list[tuple[int, T]]]:
        """Remove and yield all batches, the one that has waited longest first."""
        while self._buckets:
            yield self._buckets.pop(next(iter(self._buckets)))


def batch_size(items: int, limit: int) -> int:
    """Return the size of the next batch, a power of two, for a number of items.

    A device prepares each size of a batch anew, so there are few of them. A batch may be larger than the number of
    items, but no more than a quarter of it is filled with copies.

    Args:
        items: Number of items left, at least 1.
        limit: Largest size, a power of two.

    >>> [batch_size(items, limit=32) for items in (1, 3, 5, 6, 23, 24, 100)]
    [1, 4, 4, 8, 16, 32, 32]
    """
    size: int = 1 << (items - 1).bit_length()
    return min(limit, size if items >= _LEAST_FILLED * size else size // 2)


def fitting_batch_size(free: int, per_item: int, limit: int) -> int:
    """Return the largest power of two, from 1 to `limit`, for which a batch uses at most 40% of the free memory.

    Args:
        free: Free memory, in bytes.
        per_item: Memory that one item needs, in bytes.
        limit: Upper bound of the batch size.

    >>> [fitting_batch_size(free, per_item=10, limit=32) for free in (260, 2000, 1)]
    [8, 32, 1]
    """
    fitting = max(1, min(limit, int(_USABLE_MEMORY * free) // max(1, per_item)))
    return 1 << (fitting.bit_length() - 1)


class Batcher:
    """Runs a function on batches of `batch_size` items, filled up with copies of the last, and splits those that fail.

    Args:
        max_size: Items per batch, a power of two.

    Attributes:
        max_size: Items per batch; lowered for good when a batch does not fit into the memory.
    """

    def __init__(self, max_size: int) -> None:
        self.max_size = max_size

    def __call__(self, compute: Callable[[Sequence[T]], list[R]], items: Sequence[T]) -> list[R | Exception]:
        """Return the results in the order of the items, with the exception in place of each item that fails alone."""
        results: list[R | Exception] = []
        while left := items[len(results) :]:
            size = batch_size(len(left), self.max_size)
            batch = [*left[:size], *repeat(left[-1], size - len(left))]
            try:
                computed = _compute_or_split(compute, batch)
                results += computed[: len(left)]
            except torch.OutOfMemoryError:
                self.max_size = size // 2
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
