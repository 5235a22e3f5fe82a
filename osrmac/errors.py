"""Errors that a user can fix; each message is one line that says what is wrong and what to do."""

from typing import ClassVar

from osrmac.credentials import redact


class OsrmacError(Exception):
    """Base class of all errors that the command line reports as one line, without a traceback.

    Credentials of URLs are removed from the message.

    Attributes:
        exit_status: Exit status of the command line: 2 for a mistake in the arguments, found before any work is done,
            and 1 for a failure during the work.
    """

    exit_status: ClassVar[int] = 1

    def __init__(self, *args: object) -> None:
        super().__init__(*(redact(arg) if isinstance(arg, str) else arg for arg in args))


class ConfigError(OsrmacError):
    """An option has a value that cannot work."""

    exit_status = 2


class StorageError(OsrmacError):
    """A file, folder or bucket is unreadable, cannot be written, or does not have the expected content."""


class NotFoundError(StorageError):
    """A run, folder or file that an argument names does not exist."""

    exit_status = 2


class PruningError(StorageError):
    """Images are being removed from a run, or were removed while it was read."""


class DamagedFileError(StorageError):
    """A file that osrmac has written does not hold what was written."""


class WeightsError(OsrmacError):
    """The weights of a backbone are unavailable or do not fit it."""


class FailureRateError(OsrmacError):
    """More images fail than the user allows."""


class ClusterError(OsrmacError):
    """Ray cannot start, or the connection to a cluster fails."""


class BenchmarkError(OsrmacError):
    """A collection, a ground truth and a benchmark do not fit together."""

    exit_status = 2


def reason(error: BaseException) -> str:
    """Return an exception's type and the first line of its message, without the credentials of URLs."""
    line = redact(str(error).strip().partition("\n")[0])
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def printable(text: str) -> str:
    """Escape line breaks and control characters, so that a terminal shows one line; remove credentials of URLs."""
    text = redact(text)
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
