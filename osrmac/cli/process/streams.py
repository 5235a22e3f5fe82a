"""Standard output and standard error: closed, full and broken ones."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TextIO

from osrmac.errors import StorageError, printable, reason

__all__ = ["CheckedOutput", "discard_output", "escape_tracebacks", "open_standard_streams"]


def open_standard_streams() -> None:
    """Open standard streams that are closed to nowhere, so that no other file gets their numbers."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # which gets the lowest free number
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


class CheckedOutput:
    """Standard output whose errors are told apart from those of other files.

    `write` and `flush` raise BrokenPipeError if the reader has gone, and `StorageError` for any other reason, such as a
    full disk.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text."""
        with _output_errors():
            return self._stream.write(text)

    def flush(self) -> None:
        """Write what is buffered."""
        with _output_errors():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _output_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StorageError(f"cannot write the results to standard output: {reason(error)}") from error


def escape_tracebacks() -> None:
    """Let Python print uncaught exceptions, whose messages may quote files, without control characters."""

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        for line in "".join(traceback.format_exception(kind, error, trace)).splitlines():
            sys.stderr.write(printable(line) + "\n")

    sys.excepthook = show


def discard_output() -> None:
    """Redirect streams that cannot be written to nowhere, or Python would fail to flush them at exit."""
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            stream.flush()
        except (OSError, StorageError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
