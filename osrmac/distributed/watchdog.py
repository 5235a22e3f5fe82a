"""End a process that is stuck at an image."""

from __future__ import annotations

import faulthandler
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["Watchdog"]

T = TypeVar("T")


class Watchdog:
    """Exits the process, with a traceback, if an image takes too long; the time to read its file is not counted.

    Reading has time limits of its own. Some file systems have none, such as a mounted disk that has gone: a read that
    takes longer than these limits together ends the process, too.

    Args:
        image_timeout: Seconds from the request for a result to the result, or to the next content that is taken for it.
        longest_fetch: Seconds that reading a file may take if all of its time limits are reached.
    """

    def __init__(self, image_timeout: float, longest_fetch: float) -> None:
        self._image_timeout = image_timeout
        self._longest_fetch = longest_fetch

    @contextmanager
    def describing(self) -> Iterator[None]:
        """Return a context in which one result must be computed."""
        self._arm(self._image_timeout)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()

    def fetching(self, contents: Iterable[T]) -> Iterator[T]:
        """Yield the contents of files; waiting for one has the longer time limit, and then that of the result restarts.

        A result may have to wait for many contents: next to a GPU, until hundreds of other images have been decoded.
        """
        iterator = iter(contents)
        while True:
            self._arm(self._image_timeout + self._longest_fetch)
            try:
                content = next(iterator)
            except StopIteration:
                return
            finally:
                self._arm(self._image_timeout)
            yield content

    def _arm(self, seconds: float) -> None:
        faulthandler.dump_traceback_later(seconds, exit=True)
