"""Progress and notes on standard error.

In a terminal the running stage is one live line, which disappears when the stage ends. Elsewhere a stage that takes
long is logged now and then as a plain line. `set_quiet` turns both off.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from osrmac.errors import printable

__all__ = ["Stage", "is_quiet", "note", "set_quiet", "stage"]

_LIVE_SECONDS = 0.5
_LOG_SECONDS = 10.0
_quiet = False


def set_quiet(quiet: bool) -> None:
    """Turn all progress and notes of this process off, or on again."""
    global _quiet  # noqa: PLW0603  # a setting of the process, like a log level
    _quiet = quiet


def is_quiet() -> bool:
    """Return whether progress and notes are off."""
    return _quiet


def note(line: str) -> None:
    """Write a remark as one line to standard error, unless quiet."""
    if not _quiet:
        print(printable(line), file=sys.stderr, flush=True)


class Stage:
    """The running stage of a command: its name, and how much of it is done."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._started = time.monotonic()
        self._count = ""

    def update(self, done: int, total: int | None = None) -> None:
        """Set how many items are done, of how many if that is known."""
        self._count = f" {done:,}" if total is None else f" {done:,} of {total:,}"

    def __str__(self) -> str:
        return f"{self.name}{self._count}, {time.monotonic() - self._started:.0f} s"


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
        print(printable(str(current)), file=sys.stderr, flush=True)
