"""A cache of the values that were used last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["Cache"]

_T = TypeVar("_T")


class Cache(Generic[_T]):
    """Values by key, those used last; may be used by several threads.

    Args:
        limit: Largest sum of the sizes of the values.
        size: Returns the size of a value; by default each counts as 1.
    """

    def __init__(self, limit: int, size: Callable[[_T], int] = lambda _: 1) -> None:
        self._limit, self._size_of = limit, size
        self._held: OrderedDict[Hashable, _T] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> _T | None:
        """Return the value of a key, or None if it is not held."""
        with self._lock:
            return self._held.get(key)

    def get(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """Return the value of a key; it is made if it is not held, by several threads at once if they ask for it."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        made = make()
        with self._lock:
            if key not in self._held:
                self._held[key] = made
                self._size += self._size_of(made)
            while self._size > self._limit:
                self._size -= self._size_of(self._held.popitem(last=False)[1])
        return made
