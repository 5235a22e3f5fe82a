"""URIs of images that are part of a file: the bytes of a member of a tar archive, or a row of a Parquet file.

They have the form of fsspec's chained URLs, and end with the path or URL of the file as it is, so that parameters of
that URL stay where other code expects them:

- `bytes://1536+12344/cats/1.jpg::s3://bucket/photos.tar`: 12344 bytes from byte 1536 on, the member `cats/1.jpg`
- `row://000000123/image.bytes::/photos/part.parquet`: row 123, counted from 0, of a column

No other location has this form: paths are stored as absolute ones, which begin with a slash, and fsspec knows neither
protocol. Names of members and columns are percent-encoded, so that the first `::` is the one before the file.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

__all__ = ["ByteRange", "Row", "enclosing_file", "image_name", "parse"]

_BYTES = re.compile(r"bytes://(\d+)\+(\d+)/([^:]*)::(.+)", re.DOTALL)
_ROW = re.compile(r"row://(\d+)/([^:]+)::(.+)", re.DOTALL)


@dataclass(frozen=True)
class ByteRange:
    """Consecutive bytes of a file.

    Attributes:
        file: Path or URL of the file.
        start: Position of the first byte.
        length: Number of bytes.
        name: Name of the member; it only tells the reader of a URI which one it is.
    """

    file: str
    start: int
    length: int
    name: str = ""

    @property
    def uri(self) -> str:
        """The URI, in ASCII up to the file.

        >>> ByteRange("/photos.tar", 1536, 12344, "cats/1 a.jpg").uri
        'bytes://1536+12344/cats/1%20a.jpg::/photos.tar'
        """
        return f"bytes://{self.start}+{self.length}/{_quoted(self.name)}::{self.file}"


@dataclass(frozen=True)
class Row:
    """A value of a binary column in a Parquet file.

    Attributes:
        file: Path or URL of the file.
        number: Number of the row in the file, from 0.
        column: Path of the column, such as `image.bytes`.
    """

    file: str
    number: int
    column: str

    @property
    def uri(self) -> str:
        """The URI; those of one file sort in the order of its rows.

        >>> Row("/photos.parquet", 123, "image.bytes").uri
        'row://000000123/image.bytes::/photos.parquet'
        """
        return f"row://{self.number:09d}/{_quoted(self.column)}::{self.file}"


def parse(uri: str) -> ByteRange | Row | None:
    """Return the part of a file that a URI names, or None if it names a file.

    >>> parse("row://000000123/image.bytes::/photos.parquet")
    Row(file='/photos.parquet', number=123, column='image.bytes')
    >>> parse("/photos/bytes:/1+2/a.jpg::b.tar")
    """
    if found := _BYTES.fullmatch(uri):
        start, length, name, file = found.groups()
        return ByteRange(file, int(start), int(length), _unquoted(name))
    if found := _ROW.fullmatch(uri):
        number, column, file = found.groups()
        return Row(file, int(number), _unquoted(column))
    return None


def enclosing_file(uri: str) -> str:
    """Return the path or URL of the file to open: that of the archive, or the URI itself.

    >>> enclosing_file("bytes://1536+12344/cats/1.jpg::s3://bucket/photos.tar"), enclosing_file("/photos/a.jpg")
    ('s3://bucket/photos.tar', '/photos/a.jpg')
    """
    part = parse(uri)
    return uri if part is None else part.file


def image_name(uri: str) -> str:
    """Return what tells the format of an image by its suffix: the name of the member, or the URI.

    >>> image_name("bytes://1536+12344/cats/1.jpg::s3://bucket/photos.tar"), image_name("/photos/a.jpg")
    ('cats/1.jpg', '/photos/a.jpg')
    """
    part = parse(uri)
    return part.name if isinstance(part, ByteRange) else uri


def _quoted(name: str) -> str:
    return quote(os.fsencode(name))


def _unquoted(name: str) -> str:
    return os.fsdecode(unquote_to_bytes(name))
