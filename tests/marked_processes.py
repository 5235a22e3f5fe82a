"""The processes that a command starts, found by a mark in their environment, even after their parents have ended."""

from __future__ import annotations

import time
import uuid
from contextlib import suppress

import psutil

_MARK = "OSRMAC_TEST_COMMAND"


def new_mark() -> dict[str, str]:
    """Return an environment variable that marks a command and all processes that it starts."""
    return {_MARK: uuid.uuid4().hex}


def marked(mark: dict[str, str]) -> list[psutil.Process]:
    """Return the running processes with a mark."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(_MARK) == mark[_MARK] and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def command_line(process: psutil.Process) -> list[str]:
    """Return the command line of a process; empty if it has just ended."""
    try:
        words: list[str] = process.cmdline()
    except psutil.Error:
        return []
    return words


def left_over(mark: dict[str, str], seconds: float = 5.0) -> list[str]:
    """Return the command lines of the processes with a mark that still run after a time."""
    deadline = time.monotonic() + seconds
    while (remaining := marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return [" ".join(command_line(process))[:200] for process in remaining]
