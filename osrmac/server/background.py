"""Work beside the answers to requests."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["run_in_background"]


def run_in_background(work: Callable[[], None]) -> threading.Thread:
    """Do some work in a thread, which the end of the process waits for: torch aborts it if its threads are killed.

    Returns:
        The thread.
    """
    thread = threading.Thread(target=_until_the_end, args=(work,))
    thread.start()
    return thread


def _until_the_end(work: Callable[[], None]) -> None:
    try:
        work()
    except RuntimeError:
        if threading.main_thread().is_alive():
            raise
        # The interpreter is ending, and starts no threads any more.
