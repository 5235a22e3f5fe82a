"""The images of a run that an index covers, and those that it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from osrmac.prefetch import prefetch
from osrmac.reduction.base import Reduction
from osrmac.runs.index.stored import IndexedShard, split_keys
from osrmac.runs.index_search.opened import OpenIndex
from osrmac.runs.methods import Method
from osrmac.runs.reductions.reduced_reader import read_shard
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.row_reader import RowReader
from osrmac.storage.run import Run
from osrmac.types import Matrix

__all__ = ["FoundImages", "IndexedImages"]

_THREADS = 16
"""Shards that are read at once: remote ones take their time, whatever the processors."""


@dataclass(frozen=True, eq=False)
class FoundImages:
    """Images by their keys in an index.

    Attributes:
        keys: Keys, ascending, (n,).
        ids: Their ids.
        shards: URLs of the shards of descriptors that hold them.
        vectors: Their reduced vectors, (n, k).
    """

    keys: NDArray[np.int64]
    ids: Sequence[str]
    shards: Sequence[str]
    vectors: Matrix


@dataclass(frozen=True, kw_only=True, eq=False)
class IndexedImages:
    """A run with an open index over a reduction. May be used by several threads.

    Attributes:
        run: The run.
        method: Method that compares vectors of the reduction.
        reduction: The reduction.
        index: The index.
        covered: Shards that it covers in their present generation, by their numbers in it.
        within: All shards of descriptors.
        uncovered: Those that it does not cover.
        uncovered_rows: Number of images in these.
    """

    run: Run
    method: Method
    reduction: Reduction
    index: OpenIndex
    covered: Mapping[int, IndexedShard]
    within: Sequence[Location]
    uncovered: Sequence[Location]
    uncovered_rows: int
    _rows: RowReader = field(default_factory=RowReader)

    def __len__(self) -> int:
        return sum(shard.rows for shard in self.covered.values())

    def find(self, queries: Matrix, number: int) -> list[NDArray[np.int64]]:
        """Return for each query the keys of covered images that are nearest by their codes, nearest first.

        Args:
            queries: Vectors, (m, k).
            number: Number of keys for each query, of which those of outdated images are left out.
        """
        found = self.index.search(queries, number)
        kept = np.isin(split_keys(found)[0], list(self.covered))
        return [keys[row] for keys, row in zip(found, kept, strict=True)]

    def read(self, keys: NDArray[np.int64]) -> FoundImages:
        """Read the ids and vectors of covered images, from the row groups that hold them.

        Args:
            keys: Their keys, ascending and distinct, (n,).
        """
        starts = np.flatnonzero(np.diff(split_keys(keys)[0]))
        pieces = np.split(keys, starts + 1) if len(keys) else []
        found = list(prefetch(self._read_shard, pieces, threads=_THREADS, depth=4 * _THREADS))
        if not found:
            return FoundImages(keys, [], [], np.empty((0, self.reduction.dimension), np.float32))
        return FoundImages(
            np.concatenate([each.keys for each in found]),
            [image for each in found for image in each.ids],
            [shard for each in found for shard in each.shards],
            np.concatenate([each.vectors for each in found]),
        )

    def _read_shard(self, keys: NDArray[np.int64]) -> FoundImages:
        """Read images of one shard."""
        numbers, rows = split_keys(keys)
        shard = self.covered[int(numbers[0])]
        source = self.run.descriptors / shard.shard
        table = self._read_copy(shard, rows)
        if table is not None:
            ids, vectors = table["id"].to_pylist(), shards.matrix(table["vector"].combine_chunks())
            return FoundImages(keys, ids, [source.url] * len(ids), vectors)
        whole = read_shard(self.run, source, self.reduction.recipe, self.reduction)
        there = rows < len(whole.ids)
        rows = rows[there]
        ids = [whole.ids[row] for row in rows.tolist()]
        return FoundImages(keys[there], ids, [source.url] * len(ids), whole.values[rows])

    def _read_copy(self, shard: IndexedShard, rows: NDArray[np.int64]) -> pa.Table | None:
        """Read rows of a reduced shard; None if it is not that which was indexed, as it is written again just now."""
        try:
            table = self._rows.read(self.run.reduced(self.reduction.name) / shard.shard, rows)
        except (FileNotFoundError, IndexError):
            return None
        metadata = shards.metadata_of(table)
        same = metadata["osrmac.selection"], shards.generation_of(metadata)
        return table if same == (self.index.stored.reduction, shard.generation) else None
