"""File names and paths of arbitrary bytes as Unicode text and as URLs."""

from __future__ import annotations

import os
import re
from urllib.parse import quote, unquote_to_bytes

__all__ = ["absolute", "file_url", "is_unicode", "local_path", "to_unicode"]

_SCHEME = "file://"
_ESCAPED_BYTE = re.compile(r"\\x[89a-f][0-9a-f]")


def file_url(path: str) -> str:
    """Return the `file://` URL of a local path, in ASCII whatever the bytes of the path."""
    return _SCHEME + quote(os.fsencode(path))


def local_path(url: str) -> str:
    """Return the path that a `file://` URL names; any other path or URL is returned as it is.

    Percent-encoded bytes become the bytes of the path, whether they are valid UTF-8 or not.
    """
    if not url.startswith(_SCHEME):
        return url
    return os.fsdecode(unquote_to_bytes(os.fsencode(url.removeprefix(_SCHEME))))


def absolute(url: str, folder: str) -> str:
    """Return the path below a folder that a relative path names; absolute paths and URLs are returned as they are.

    >>> absolute("./a.jpg", "/photos"), absolute("s3://bucket/a.jpg", "/photos")
    ('/photos/a.jpg', 's3://bucket/a.jpg')
    """
    is_absolute = url.startswith(("/", "data:")) or "://" in url
    return url if is_absolute else f"{folder.rstrip('/')}/{url.removeprefix('./')}"


def is_unicode(name: str) -> bool:
    """Return whether the bytes of a file name are valid UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def to_unicode(name: str) -> str:
    r"""Return a file name as valid Unicode; different names stay different.

    A valid name is returned as it is. In any other, bytes that are not UTF-8 are escaped, as in `caf\xe9.jpg`, and
    backslashes are doubled. A valid name that contains such an escape has its backslashes doubled as well.
    """
    escaped = name.replace("\\", "\\\\").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return escaped if _ESCAPED_BYTE.search(escaped) else name
