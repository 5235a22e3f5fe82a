"""Errors that a user can fix. Each message is one line: what is wrong, and what to do."""


class OsrmacError(Exception):
    """Base class; the command line prints the message without a traceback."""


class ConfigError(OsrmacError):
    """An option has an invalid value, or options contradict each other."""


class StorageError(OsrmacError):
    """A file, folder or bucket is missing, unreadable or of the wrong kind."""


class WeightsError(OsrmacError):
    """The weights of a backbone are unavailable or do not fit it."""


class FailureRateError(OsrmacError):
    """More images fail than `max_failure_rate` allows."""


class BenchmarkError(OsrmacError):
    """A benchmark is unknown, or its ground truth is malformed or does not fit the collection."""


def reason(error: BaseException) -> str:
    """Return an exception's type and the first line of its message."""
    line = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def printable(text: str) -> str:
    """Escape line breaks and control characters, so that a terminal shows the text on one line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
