"""A budget of bytes for contents that are read ahead of one consumer."""

from __future__ import annotations

import threading

from osrmac.errors import StorageError

__all__ = ["ByteBudget"]


class ByteBudget:
    """Bounds the bytes that concurrent readers hold, in the order in which one consumer takes their contents.

    Readers are numbered from 0 in that order. The reader whose content is taken next is never held up, so readers
    cannot block each other for ever. All others together hold no more than the budget; in all, the readers and the
    consumer hold no more than the budget and one content.

    Args:
        size: The budget in bytes.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._next = 0
        self._held: dict[int, int] = {}
        self._waiting: set[int] = set()
        self._closed = False
        self._changed = threading.Condition()

    def take(self, number: int) -> None:
        """Note that the consumer waits for this content, and is done with the earlier ones."""
        with self._changed:
            self._next = number
            self._held = {reader: held for reader, held in self._held.items() if reader >= number}
            self._changed.notify_all()

    def hold(self, number: int, size: int) -> bool:
        """Let a reader hold this number of bytes in all, and return True; if they do not fit, change nothing.

        Raises:
            StorageError: The consumer has gone.
        """
        with self._changed:
            self._check_open()
            fits = self._fits(number, size)
            if fits:
                self._held[number] = size
            return fits

    def wait(self, number: int, size: int | None) -> None:
        """Let a reader hold nothing until this number of bytes fits, and then hold them.

        Args:
            number: The reader.
            size: Number of bytes; None, if it is unknown, fits when the content is the next to be taken.

        Raises:
            StorageError: The consumer has gone.
        """
        with self._changed:
            self._held.pop(number, None)
            self._waiting.add(number)
            self._changed.notify_all()
            # The first one that waits goes first: a small content must not overtake for ever.
            self._changed.wait_for(lambda: self._closed or (number == min(self._waiting) and self._fits(number, size)))
            self._waiting.remove(number)
            self._changed.notify_all()
            self._check_open()
            self._held[number] = size or 0

    def release(self, number: int) -> None:
        """Let a reader hold nothing more."""
        with self._changed:
            self._held.pop(number, None)
            self._changed.notify_all()

    def close(self) -> None:
        """End the waiting of all readers, because the consumer has gone."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _fits(self, number: int, size: int | None) -> bool:
        if number <= self._next:
            return True
        ahead = sum(held for reader, held in self._held.items() if reader > self._next and reader != number)
        return size is not None and ahead + size <= self._size

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError("the file is not needed any more")
