"""Progress and notes on standard error.

In a terminal the running stage is one live line, which disappears when the stage ends. Elsewhere a stage that takes
long is logged now and then: see `osrmac.log`. `set_quiet` turns both off.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from osrmac.errors import printable
from osrmac.log import Level, write_line

__all__ = ["Stage", "is_quiet", "note", "set_quiet", "stage", "warn"]

_LIVE_SECONDS = 0.5
_LOG_SECONDS = 10.0
_quiet = False


class _Rows(Protocol):
    @property
    def num_rows(self) -> int: ...


RowsT = TypeVar("RowsT", bound=_Rows)


def set_quiet(quiet: bool) -> None:
    """Turn all progress and notes of this process off, or on again."""
    global _quiet  # noqa: PLW0603  # a setting of the process, like a log level
    _quiet = quiet


def is_quiet() -> bool:
    """Return whether progress and notes are off."""
    return _quiet


def note(line: str, *, level: Level = "info", **fields: Any) -> None:
    """Write a remark as one line to standard error, unless quiet; fields are for programs that read the log."""
    if not _quiet:
        write_line(level, line, **fields)


def warn(line: str) -> None:
    """Write a remark on something that the user should look into, unless quiet."""
    note(line, level="warning")


class Stage:
    """The running stage of a command: its name, and how much of it is done."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._started = time.monotonic()
        self._done: int | None = None
        self._total: int | None = None

    def update(self, done: int, total: int | None = None) -> None:
        """Set how many items are done, of how many if that is known."""
        self._done, self._total = done, total

    def counting(self, tables: Iterable[RowsT]) -> Iterator[RowsT]:
        """Yield the tables, and show the number of their rows so far."""
        rows = 0
        for table in tables:
            rows += table.num_rows
            self.update(rows)
            yield table

    @property
    def fields(self) -> dict[str, Any]:
        """Name, counts and seconds."""
        return {"stage": self.name, "done": self._done, "total": self._total, "seconds": round(self._seconds(), 1)}

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def __str__(self) -> str:
        of = "" if self._total is None else f" of {self._total:,}"
        count = "" if self._done is None else f" {self._done:,}{of}"
        return f"{self.name}{count}, {self._seconds():.0f} s"


@contextmanager
def stage(name: str) -> Iterator[Stage]:
    """Show the name of a stage while the block runs, unless quiet."""
    current = Stage(name)
    if _quiet:
        yield current
        return
    ended = threading.Event()
    show = _show_live if sys.stderr.isatty() else _show_in_log
    thread = threading.Thread(target=show, args=(current, ended), daemon=True)
    thread.start()
    try:
        yield current
    finally:
        ended.set()
        thread.join()


def _show_live(current: Stage, ended: threading.Event) -> None:
    shown = False
    while not ended.wait(_LIVE_SECONDS):
        sys.stderr.write(f"\r{printable(str(current))}\x1b[K")
        sys.stderr.flush()
        shown = True
    if shown:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _show_in_log(current: Stage, ended: threading.Event) -> None:
    while not ended.wait(_LOG_SECONDS):
        write_line("info", str(current), **current.fields)
