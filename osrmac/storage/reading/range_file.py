"""A file on any file system that is read at any position, by blocks."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractFileSystem
from tenacity import Retrying

from osrmac.errors import StorageError
from osrmac.storage.reading import content
from osrmac.storage.reading.content import Span

__all__ = ["open_ranges"]


def open_ranges(
    fs: AbstractFileSystem,
    path: str,
    *,
    size: int | None = None,
    timeout: float,
    block: int,
    retrying: Retrying | None = None,
) -> AbstractContextManager[BinaryIO]:
    """Open a file to read from any position.

    Args:
        fs: File system of the file.
        path: Path within the file system.
        size: Size of the file, if it is known.
        timeout: Seconds that a request may take.
        block: Bytes that are read at once from remote storage; what follows within them costs no further request.
        retrying: Repeats requests that fail; None if the caller does.

    Raises:
        StorageError: The storage does not tell the size of the file; or, when it is read, sends no parts of it.
    """
    if isinstance(fs, LocalFileSystem):
        return Path(path).open("rb")
    known = fs.info(path).get("size") if size is None else size
    if known is None:
        raise StorageError("the storage does not tell the size of the file")

    def read(span: Span) -> bytes:
        return content.read(fs, path, _admit_all, timeout, span)

    ranges = _Ranges(read if retrying is None else partial(retrying, read), known)
    return closing(cast("BinaryIO", io.BufferedReader(ranges, block)))


def _admit_all(_size: int, _is_total: bool) -> None:
    """Admit a block, whose size is ours."""


class _Ranges(io.RawIOBase):
    """A read-only file of which each read is a request.

    Args:
        read: Reads a part of the file.
        size: Size of the file in bytes.
    """

    def __init__(self, read: Callable[[Span], bytes], size: int) -> None:
        self._read = read
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what io passes
        length = max(0, min(len(buffer), self._size - self._position))
        buffer[:length] = self._read(Span(self._position, length))
        self._position += length
        return length
