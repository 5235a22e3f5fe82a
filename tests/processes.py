"""Refuse that Python code starts a process, and notice the attempt even if the code catches the exception."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

__all__ = ["no_process_started"]

_EVENTS = ("subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.startfile", "os.system", "pty.spawn")
_thread = threading.local()


class ProcessStartedError(RuntimeError):
    """Code tried to start a process."""


@contextmanager
def no_process_started() -> Iterator[None]:
    """Refuse that this thread starts a process within a `with` block.

    Raises:
        ProcessStartedError: It was tried; raised at the end of the block, with the names of the audit events.
    """
    _install()
    _thread.events = []
    try:
        yield
    finally:
        events, _thread.events = _thread.events, None
    if events:
        raise ProcessStartedError(", ".join(events))


@cache
def _install() -> None:
    """Add the audit hook, which cannot be removed again."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: object) -> None:
    events = getattr(_thread, "events", None)
    if events is not None and event.startswith(_EVENTS):
        events.append(event)
        raise ProcessStartedError(event)
