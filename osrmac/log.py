"""Lines on standard error: plain text, or JSON objects for programs that collect logs (`--log-format json`).

A JSON object has `time` (ISO 8601, UTC), `level`, `message`, and the fields that the line has. What libraries print
becomes such a line, too, unless compiled code writes it.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from osrmac.credentials import redact_all
from osrmac.errors import OsrmacError, printable, reason

__all__ = ["Level", "LogFormat", "formatted", "is_json", "json_log", "write_exception", "write_line"]

Level = Literal["info", "warning", "error", "critical"]

LogFormat = Literal["text", "json"]

_PROGRAM = "osrmac"

_ENDS = ("error", "critical")
"""Levels of lines that end a command; as text they begin with the name of the program."""

_OBJECT = '{"time": '
"""Beginning of each JSON object."""

_context: dict[str, Any] | None = None
"""Fields of every line, in JSON; None is plain text."""


def is_json() -> bool:
    """Return whether lines are JSON objects."""
    return _context is not None


def formatted(level: Level, message: str, **fields: Any) -> str:
    r"""Return a line of the log in the format of this process, with its line break and without credentials.

    >>> formatted("error", "no run at\n", run="photos-run")
    'osrmac: no run at\\n\n'
    """
    message = printable(message)
    if _context is None:
        return f"{_PROGRAM}: {message}\n" if level in _ENDS else f"{message}\n"
    time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"time": time, "level": level, "message": message, **_context, **redact_all(fields)}) + "\n"


def write_line(level: Level, message: str, **fields: Any) -> None:
    """Write a line to standard error; the fields are shown in JSON only."""
    sys.stderr.write(formatted(level, message, **fields))
    sys.stderr.flush()


def write_exception(error: BaseException) -> None:
    """Write an exception that nobody expects, with its traceback as a field."""
    trace = "".join(traceback.format_exception(error))
    level: Level = "error" if isinstance(error, OsrmacError) else "critical"
    write_line(level, reason(error), error=type(error).__name__, traceback=trace)


@contextmanager
def json_log(**fields: Any) -> Iterator[None]:
    """Write all lines, also those of libraries, as JSON objects with these fields while the block runs."""
    global _context  # noqa: PLW0603  # a setting of the process, like a log level
    _context = fields
    root, handler, hook = logging.getLogger(), _RecordHandler(logging.WARNING), threading.excepthook
    root.addHandler(handler)
    logging.captureWarnings(True)
    threading.excepthook = lambda ended: write_exception(ended.exc_value or ended.exc_type())
    try:
        stream: Any = _LineStream(sys.stderr)
        with redirect_stderr(stream):
            yield
    finally:
        with suppress(OSError):  # a full disk
            stream.finish()
        threading.excepthook = hook
        logging.captureWarnings(False)
        root.removeHandler(handler)
        _context = None


class _RecordHandler(logging.Handler):
    """Writes the records of libraries, and Python's warnings."""

    def emit(self, record: logging.LogRecord) -> None:
        level: Level = "error" if record.levelno >= logging.ERROR else "warning"
        trace = {} if record.exc_info is None else {"traceback": logging.Formatter().formatException(record.exc_info)}
        write_line(level, record.getMessage().strip(), logger=record.name, **trace)


class _LineStream:
    """Standard error that turns each line of text into a JSON object, unless it is one of `formatted`.

    It is never a terminal, so that nobody draws bars in it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._begun = ""
        self._lock = threading.RLock()

    def write(self, text: str) -> int:
        """Write text; an unfinished line waits for its end."""
        with self._lock:
            begun = f"{self._begun}\n" if text.startswith(_OBJECT) else self._begun
            *lines, self._begun = (begun + text.replace("\r", "\n")).split("\n")
            self._write(lines)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write lines of text."""
        self.write("".join(lines))

    def flush(self) -> None:
        """Write what is buffered, except for an unfinished line."""
        self._stream.flush()

    def finish(self) -> None:
        """Write an unfinished line."""
        self.write("\n")
        self.flush()

    def isatty(self) -> bool:
        """Return False."""
        return False

    def _write(self, lines: Iterable[str]) -> None:
        for line in filter(str.strip, lines):
            self._stream.write(f"{line}\n" if line.startswith(_OBJECT) else formatted("info", line))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
