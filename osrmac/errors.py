"""The errors that a user can cause: each message is one line that says what is wrong and what to do."""


class OsrmacError(Exception):
    """Something the user can mend; the command line prints it without a traceback."""


class ConfigError(OsrmacError):
    """An option has a value that cannot work."""


class StorageError(OsrmacError):
    """A file, folder or bucket is missing, unreadable or not what it should be."""


class WeightsError(OsrmacError):
    """The weights of a backbone cannot be had or do not fit it."""


class FailureRateError(OsrmacError):
    """More images fail than the user allows."""


class BenchmarkError(OsrmacError):
    """A collection, a ground truth and a protocol do not fit together."""


def reason(error: BaseException) -> str:
    """What another library's exception says, on one line: its type and the first line of its message."""
    line = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def printable(text: str) -> str:
    """The same on one line, with nothing that a terminal would act on: such characters are spelled out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
