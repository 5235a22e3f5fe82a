"""The run that is served, in its present state."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from osrmac.config import SearchConfig
from osrmac.runs.open_run import OpenRun, state
from osrmac.server.columns import Columns, no_columns
from osrmac.storage.planning.image_columns import ImageColumns
from osrmac.storage.run import Run

__all__ = ["CurrentRun"]

_CHECK_SECONDS = 1.0
"""Time after which it is looked whether the run has changed."""


class CurrentRun:
    """A run that is opened again as soon as a command has changed it.

    Attributes:
        columns: The user's own columns of the run, and those given besides.

    Args:
        run: Run with descriptors.
        options: How images are compared, and how rankings are refined.
        given: The user's own columns besides those of the run.
        clock: Returns the time in seconds.

    Raises:
        OsrmacError: The run cannot be opened.
    """

    def __init__(
        self,
        run: Run,
        options: SearchConfig,
        given: Columns | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run, self._options, self._clock = run, options, clock
        self._given = no_columns() if given is None else given
        self._open, self.columns = self._opened()
        self._checked = clock()
        self._lock = threading.Lock()

    def _opened(self) -> tuple[OpenRun, Columns]:
        columns = ImageColumns(self._run.manifest).of_all()
        return OpenRun(self._run, self._options), self._given.beside(columns)

    def get(self) -> OpenRun:
        """Return the open run.

        Raises:
            StorageError: The run is being pruned, or cannot be read any more.
        """
        with self._lock:
            if self._clock() - self._checked >= _CHECK_SECONDS:
                if state(self._run) != self._open.state:
                    self._open, self.columns = self._opened()
                self._checked = self._clock()
            return self._open
