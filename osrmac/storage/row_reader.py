"""Single rows of shards, read by row group, with the footers of the shards kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from osrmac.errors import StorageError
from osrmac.storage import shards
from osrmac.storage.location import Location

__all__ = ["RowReader"]

_KEPT_GROUPS = 50_000
"""Row groups whose metadata are kept, each of about 2.5 kB."""


@dataclass(frozen=True, eq=False)
class _Footer:
    """Footer of a shard, and the row at which each of its row groups ends."""

    metadata: pq.FileMetaData
    ends: NDArray[np.int64]


class RowReader:
    """Reads rows of shards: only the row groups that hold them. May be used by several threads."""

    def __init__(self) -> None:
        self._footers: OrderedDict[str, _Footer] = OrderedDict()
        self._groups = 0
        self._lock = threading.Lock()

    def read(self, shard: Location, rows: NDArray[np.int64]) -> pa.Table:
        """Return rows of a shard, with the metadata of the shard, in the order given.

        Args:
            shard: A shard. One that was written as a single row group is read as a whole.
            rows: Positions of the rows, from 0.

        Raises:
            FileNotFoundError: There is no such shard.
            IndexError: It has fewer rows.
            DamagedFileError: The file does not hold what was written.
        """
        kept = self._footers.get(shard.url)
        if kept is not None:
            try:
                return _read(shard, kept, rows)
            except (StorageError, IndexError):  # the shard has been replaced since
                self._forget(shard)
        return _read(shard, self._footer(shard), rows)

    def _footer(self, shard: Location) -> _Footer:
        metadata = shards.footer(shard)
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        footer = _Footer(metadata, np.cumsum(sizes))
        with self._lock:
            self._drop(shard)  # another thread may have read it meanwhile
            self._footers[shard.url] = footer
            self._groups += len(sizes)
            while self._groups > _KEPT_GROUPS:
                self._groups -= len(self._footers.popitem(last=False)[1].ends)
        return footer

    def _forget(self, shard: Location) -> None:
        with self._lock:
            self._drop(shard)

    def _drop(self, shard: Location) -> None:
        footer = self._footers.pop(shard.url, None)
        self._groups -= 0 if footer is None else len(footer.ends)


def _read(shard: Location, footer: _Footer, rows: NDArray[np.int64]) -> pa.Table:
    of_rows = np.searchsorted(footer.ends, rows, side="right")
    groups = np.unique(of_rows)
    if len(groups) and groups[-1] >= len(footer.ends):
        raise IndexError(f"{shard} has {footer.ends[-1]} rows")
    table = shards.read_groups(shard, groups.tolist(), footer.metadata)
    sizes = np.diff(footer.ends, prepend=0)
    before = np.cumsum(sizes[groups]) - sizes[groups]  # rows of the groups read that precede each of them
    starts = footer.ends - sizes
    return table.take(before[np.searchsorted(groups, of_rows)] + rows - starts[of_rows])
