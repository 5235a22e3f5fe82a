"""The command of the user that is run when a command has ended: `--on-finish`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Literal

from osrmac.credentials import redact_all
from osrmac.errors import printable, reason
from osrmac.log import write_line

__all__ = ["FinishHook", "Status", "set_result"]

Status = Literal["finished", "failed", "interrupted"]

_SECONDS = {"finished": 60.0, "failed": 60.0, "interrupted": 5.0}
"""Time that the command of the user may take; a machine that is taken away leaves little."""

_LONGEST_SECONDS = max(_SECONDS.values()) + 5

_OUTPUT_SECONDS = 0.5
"""Time to wait for the rest of its output, which processes that it leaves in the background may hold open."""

_result: dict[str, Any] = {}


def set_result(value: Any) -> None:
    """Set the result of the running command, plain JSON values that its summary has under `result`."""
    _result["result"] = redact_all(value)


class FinishHook:
    """A command of the user, which is run at most once, when the command of osrmac has ended.

    It has a session of its own, so that Ctrl-C and a closed terminal spare it. Its output goes to standard error. If it
    fails or takes too long, one line says so, and nothing else changes.
    """

    def __init__(self) -> None:
        self._command: str | None = None
        self._facts: dict[str, Any] = {}
        self._began = 0.0
        self._lock = threading.Lock()
        self._was_run = False
        self._took = 0.0
        self._ended = threading.Event()

    def set(self, command: str | None, facts: Mapping[str, Any]) -> None:
        """Set the command of the user, and the first values of its summary, when the command of osrmac starts."""
        _result.clear()
        self._command, self._began = command or None, time.monotonic()
        self._facts = {**facts, "started": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")}

    def run(self, status: Status, exit_status: int, error: str | None = None) -> None:
        """Run the command of the user with a summary on its standard input; if it is running, wait for its end.

        Args:
            status: How the command of osrmac ended.
            exit_status: Its exit status.
            error: Its error, or the signal that ended it.
        """
        with self._lock:
            command, self._command = self._command, None
            self._was_run = self._was_run or command is not None
        if command is None:
            self.wait()
            return
        ending = {"status": status, "exit_status": exit_status, "error": None if error is None else printable(error)}
        seconds = {"seconds": round(time.monotonic() - self._began, 1)}
        summary = redact_all(self._facts) | ending | seconds | {"result": _result.get("result")}
        started = time.monotonic()
        try:
            _run_shell(command, json.dumps(summary) + "\n", _SECONDS[status])
        except OSError as refused:  # no memory, processes or files are left
            _warn(reason(refused))
        finally:
            self._took = time.monotonic() - started
            self._ended.set()

    def wait(self) -> float:
        """Wait until the command of the user has ended, if it was started; return the seconds that it took, or 0."""
        if not self._was_run:
            return 0.0
        self._ended.wait(_LONGEST_SECONDS)
        return self._took


def _run_shell(command: str, given: str, seconds: float) -> None:
    """Run a shell command, write its output to standard error, and warn if it fails."""
    problem = None
    with _logged_output() as output:
        process = subprocess.Popen(  # noqa: S602  # it is the user's own
            command, shell=True, stdin=subprocess.PIPE, stdout=output, stderr=output, text=True, start_new_session=True
        )
        try:
            process.communicate(given, seconds)
            if process.returncode:
                problem = f"exit status {process.returncode}"
        except subprocess.TimeoutExpired:
            problem = f"stopped after {seconds:.0f} s"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if problem is not None:
        _warn(problem)


def _warn(problem: str) -> None:
    with suppress(OSError):
        write_line("warning", f"--on-finish failed: {problem}")


@contextmanager
def _logged_output() -> Iterator[int]:
    """Give a file descriptor whose lines are written to the log."""
    reading, writing = os.pipe()

    def write_lines() -> None:
        with suppress(OSError), os.fdopen(reading, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                write_line("info", line.rstrip(), source="--on-finish")

    thread = threading.Thread(target=write_lines, daemon=True)
    thread.start()
    try:
        yield writing
    finally:
        os.close(writing)
        thread.join(_OUTPUT_SECONDS)
