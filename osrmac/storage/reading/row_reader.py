"""Values of binary columns of Parquet files, read row by row in about the order of the rows.

A row group is read as a stream, whatever its size: the values before a row are decoded and dropped, and a few that were
read last are kept, so that reading consecutive rows reads the group once.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Any, BinaryIO, Generic, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.spec import AbstractFileSystem

from osrmac.errors import StorageError, reason
from osrmac.storage.reading.member_uri import Row
from osrmac.storage.reading.range_file import open_ranges

__all__ = ["RowReader"]

_BLOCK = 8 << 20
"""Bytes of a column that are read at once."""

_BATCH_BYTES = 8 << 20
"""Bytes of the values that are decoded at once, about."""

_STREAMS, _FOOTERS = 2, 16
"""Row groups that are read at the same time, and files whose footers are kept."""

T = TypeVar("T")


class RowReader:
    """Reads values of binary columns; may be used by several threads.

    Keeps two row groups open. Each holds about 16 MB of values, or as many values as are read at the same time if those
    are larger; a block of 8 MB, by which remote files are read; and a page of the file, which may be larger.

    Args:
        concurrent: Number of rows that are read at the same time. Threads do not ask for them in order, so that as many
            must be kept.
    """

    def __init__(self, concurrent: int) -> None:
        self._concurrent = concurrent
        self._footers = _Recent[_Footer](_FOOTERS)
        self._streams = _Recent[_Stream](_STREAMS)

    def read(self, row: Row, fs: AbstractFileSystem, path: str, timeout: float) -> bytes:
        """Return the value in a row.

        Args:
            row: The row, and the file as the caller names it.
            fs: File system of the file.
            path: Path within the file system.
            timeout: Seconds that a request may take.

        Raises:
            StorageError: There is no such row or column, the row has no value, or the file is damaged.
        """
        try:
            footer = self._footers.get(row.file, lambda: _Footer.read(fs, path, timeout))
            group, number = footer.position(row.number)
            stream = self._streams.get(
                (row.file, row.column, group),
                lambda: _Stream(fs, path, timeout, footer.metadata, group, row.column, self._concurrent),
            )
            value = stream.value(number)
        except pa.ArrowException as error:
            raise StorageError(f"the Parquet file cannot be read: {reason(error)}") from error
        if value is None:
            raise StorageError(f"row {row.number} has no bytes in the column {row.column}")
        return value


class _Recent(Generic[T]):
    """The values used last, by key."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the value of a key, made if it is not there."""
        with self._lock:
            if key not in self._values:
                self._values[key] = make()
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
            return self._values[key]


@dataclass(frozen=True, eq=False)
class _Footer:
    """The footer of a file.

    Attributes:
        metadata: The footer.
        ends: Number of rows up to the end of each row group.
    """

    metadata: pq.FileMetaData
    ends: tuple[int, ...]

    @classmethod
    def read(cls, fs: AbstractFileSystem, path: str, timeout: float) -> _Footer:
        with open_ranges(fs, path, timeout=timeout, block=1 << 16) as file:
            metadata = pq.read_metadata(file)
        rows = (metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))
        return cls(metadata, tuple(accumulate(rows)))

    def position(self, row: int) -> tuple[int, int]:
        """Return the row group of a row of the file, and the number of the row in it."""
        group = bisect_right(self.ends, row)
        if group == len(self.ends):
            raise StorageError(f"the Parquet file ends before row {row}, it has {self.metadata.num_rows} rows")
        return group, row - (self.ends[group - 1] if group else 0)


class _Stream:
    """One column of a row group, read forward."""

    def __init__(
        self,
        fs: AbstractFileSystem,
        path: str,
        timeout: float,
        metadata: pq.FileMetaData,
        group: int,
        column: str,
        concurrent: int,
    ) -> None:
        self._open: Callable[[], AbstractContextManager[BinaryIO]] = partial(
            open_ranges, fs, path, timeout=timeout, block=_BLOCK
        )
        self._metadata, self._group, self._column = metadata, group, column
        rows = metadata.row_group(group)
        columns = {rows.column(number).path_in_schema: rows.column(number) for number in range(rows.num_columns)}
        if column not in columns:
            raise StorageError(f"the Parquet file has no column {column}")
        average = max(1, columns[column].total_uncompressed_size // max(1, rows.num_rows))
        self._batch_rows = max(1, _BATCH_BYTES // average)
        self._kept = 1 + -(-(concurrent + 1) // self._batch_rows)
        self._lock = threading.Lock()
        self._restart()

    def _restart(self) -> None:
        self._batches = self._read_batches()
        self._last: deque[tuple[int, pa.Array]] = deque(maxlen=self._kept)
        self._end = 0

    def _read_batches(self) -> Iterator[pa.Array]:
        with self._open() as file:
            parquet = pq.ParquetFile(file, metadata=self._metadata, buffer_size=_BLOCK, pre_buffer=False)
            for batch in parquet.iter_batches(
                self._batch_rows, row_groups=[self._group], columns=[self._column], use_threads=False
            ):
                yield _leaf(batch.column(0))

    def value(self, row: int) -> Any:
        """Return the value in a row of the group, None for a null."""
        with self._lock:
            if self._last and row < self._last[0][0]:
                self._restart()
            try:
                while row >= self._end:
                    batch = next(self._batches)
                    self._last.append((self._end, batch))
                    self._end += len(batch)
            except BaseException:
                self._restart()  # an iterator that has failed is at its end
                raise
            start, batch = next(each for each in reversed(self._last) if row >= each[0])
            return batch[row - start].as_py()


def _leaf(values: pa.Array) -> pa.Array:
    """Return the only field of structs, however deep; nulls of a struct are those of its field."""
    while pa.types.is_struct(values.type):
        (values,) = values.flatten()
    return values
