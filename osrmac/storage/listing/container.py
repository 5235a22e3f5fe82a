"""A file of a collection with many images in it: a tar archive, or a Parquet file with a column of bytes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO

from fsspec.spec import AbstractFileSystem

from osrmac.config import FetchConfig
from osrmac.storage.listing.walk import File
from osrmac.storage.reading.fetch import retrying
from osrmac.storage.reading.range_file import open_ranges

__all__ = ["Container"]


@dataclass(frozen=True)
class Container:
    """A file with many images in it.

    Attributes:
        file: The file and its version.
        uri: Path or URL of the file.
        prefix: What the ids of its images begin with; nothing if the file is the entire collection.
    """

    file: File
    uri: str
    prefix: str

    def open(self, fs: AbstractFileSystem, block: int) -> AbstractContextManager[BinaryIO]:
        """Open the file to read from any position.

        Args:
            fs: File system of the file.
            block: Bytes that are read at once from remote storage.
        """
        config = FetchConfig()
        return open_ranges(
            fs,
            self.file.path,
            size=self.file.size,
            timeout=config.fetch_timeout,
            block=block,
            retrying=retrying(config.attempts),
        )
