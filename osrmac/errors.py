"""The errors that a user can cause: each message is one line that says what is wrong and what to do."""


class OsrmacError(Exception):
    """Something the user can mend; the command line prints it without a traceback."""


class ConfigError(OsrmacError):
    """An option has a value that cannot work."""


class StorageError(OsrmacError):
    """A file, folder or bucket is missing, unreadable or not what it should be."""


class WeightsError(OsrmacError):
    """The weights of a backbone cannot be had or do not fit it."""


class BenchmarkError(OsrmacError):
    """A collection, a ground truth and a protocol do not fit together."""
