"""A run that is opened once and searched many times: its vectors and its network stay in memory."""

from __future__ import annotations

import hashlib
import threading
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from osrmac.config import SearchConfig
from osrmac.errors import OsrmacError
from osrmac.runs.index_search.choice import describe, index_searcher, open_images
from osrmac.runs.matches import find_matches
from osrmac.runs.methods import choose_method
from osrmac.runs.queries import SearchQuery, vectors
from osrmac.runs.scan import Scan, torch_device
from osrmac.runs.searcher import Searcher
from osrmac.runs.shard_reader import Block, list_shards, map_shards, read_blocks, unpruned
from osrmac.storage import schema, shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from osrmac.types import Box, Match, Matrix

if TYPE_CHECKING:
    from osrmac.runs.query_describer import QueryDescriber

__all__ = ["OpenRun", "state"]

_LARGE = {pa.string(): pa.large_string()}
"""Types that hold more than 2 GB, which the URIs of some ten million images take."""

_JOINED = 32_768
"""Images whose vectors are joined to one block, which is compared at once."""

_SHARE_OF_MEMORY = 0.5
"""Share of the free memory up to which vectors are held; those of larger runs are read again by each search."""


def state(run: Run) -> Any:
    """Return what changes as soon as a command has changed the images or the reductions of a run.

    Raises:
        StorageError: There is no run, or it is being pruned.
    """
    record = run.record()
    return record["fingerprint"], record["stages"], record.get("search")


class OpenRun:
    """A run in the state in which it was opened.

    Rows of images take some 150 bytes each, more with long URIs. An index that fits is kept open. Without one, vectors
    are held if they fit into half of the free memory; otherwise each search reads them again, as `osrmac search` does.
    May be used by several threads.

    Attributes:
        run: The run.
        options: How images are compared, and how rankings are refined.
        method: Method whose vectors are compared.
        state: State of the run: see `state`.
        version: Digest of it, for names of what is derived from it.
        shards: Shards of the descriptors.
        described: Number of described images.
        searched: Which images a search compares, in words.

    Args:
        run: Run with descriptors.
        options: How images are compared, and how rankings are refined.

    Raises:
        ConfigError: Unknown method.
        StorageError: There is no run, it has no descriptors, or images were removed while it was read.
    """

    def __init__(self, run: Run, options: SearchConfig = SearchConfig()) -> None:
        with unpruned(run):
            self.run, self.options, self.state = run, options, state(run)
            self.version = hashlib.sha256(repr(self.state).encode()).hexdigest()[:12]
            self.shards = list_shards(run)
            self.method = choose_method(run, options.method, regions=True)
            self._rows, self._positions, self._shard_numbers = _read_rows(self.shards)
            self._ids = self._rows["id"]
            self.described = int(np.count_nonzero(self._positions >= 0))
            self._images = open_images(run, self.method, self.shards, options)
            self.searched = describe(self._images, options)
            self._blocks = None if self._images is not None else self._held_blocks()
        self._device = torch_device(options.device)
        self._loading = threading.Lock()
        self._unavailable: OsrmacError | None = None

    def __len__(self) -> int:
        return len(self._ids)

    @cached_property
    def ids(self) -> list[str]:
        """Ids of the described images, sorted."""
        ids: list[str] = self._ids.filter(pa.array(self._positions >= 0)).to_pylist()
        return ids

    def row(self, image: str) -> dict[str, Any] | None:
        """Return the row of an image, all columns but the vectors, and the shard as `shard`; None if there is none."""
        number = self._number(image)
        if number is None:
            return None
        (found,) = self._rows.slice(number, 1).to_pylist()
        return found | {"shard": self.shards[self._shard_numbers[number]]}

    def _number(self, image: str) -> int | None:
        """Return the row of an image by a binary search: a dictionary would take more memory than all rows."""
        number = bisect_left(range(len(self._ids)), image, key=lambda row: self._ids[row].as_py())
        return number if number < len(self._ids) and self._ids[number].as_py() == image else None

    def vectors(self, image: str) -> list[Matrix]:
        """Return the vectors of a described image as they are compared, for each recipe (1, k)."""
        if self._blocks is None:
            row = self.row(image) or {}
            return vectors(self.run, self.method, [SearchQuery(image, row["uri"], None, row)])
        position = int(self._positions[self._number(image)])
        block = self._blocks[position // _JOINED]
        row_in_block = position % _JOINED
        return list(block.part(slice(row_in_block, row_in_block + 1)).of_images())

    def describe(self, name: str, content: bytes, box: Box | None = None) -> list[Matrix]:
        """Describe any image file, and return its vectors as they are compared, for each recipe (1, k).

        Raises:
            OsrmacError: The file cannot be decoded, or the weights of the run are unavailable.
        """
        return [vector[None] for vector in self._describer(name, content, box)]

    def load_network(self) -> None:
        """Load the network that describes images, unless it is loaded.

        Raises:
            OsrmacError: The weights of the run are unavailable.
        """
        _ = self._describer

    @property
    def _describer(self) -> QueryDescriber:
        with self._loading:
            if self._unavailable is not None:
                raise type(self._unavailable)(*self._unavailable.args)
            try:
                return self._loaded
            except OsrmacError as error:
                # A copy: the traceback holds the network. Each upload would load in vain otherwise.
                self._unavailable = type(error)(*error.args)
                raise

    @cached_property
    def _loaded(self) -> QueryDescriber:
        from osrmac.runs.query_describer import QueryDescriber  # noqa: PLC0415  # the first page must not wait for torch

        return QueryDescriber(self.run, self.method)

    def search(self, query: Sequence[Matrix], top: int, outside: Collection[str] = ()) -> list[Match]:
        """Return the images nearest to a query, nearest first, without the user's own columns.

        Args:
            query: Vectors of the query, for each recipe (1, k).
            top: Number of images to find.
            outside: Ids of images that are never found.
        """
        options = replace(self.options, top=top)
        images = self._searcher(frozenset(outside))
        return find_matches(self.run, self.method, images, query, options, self._rows_of, columns=False)[0]

    def _searcher(self, outside: frozenset[str]) -> Searcher:
        if self._images is not None:
            return index_searcher(self._images, self.options, self._device, outside)
        return Scan(self._read, self.options.distance, self._device, outside)

    def _rows_of(self, matches: Sequence[Match]) -> dict[str, dict[str, Any]]:
        return {match.id: row for match in matches if (row := self.row(match.id)) is not None}

    def _read(self) -> Iterator[Block]:
        return iter(read_blocks(self.run, self.method, self.shards) if self._blocks is None else self._blocks)

    def _held_blocks(self) -> list[Block] | None:
        """Return the vectors of all images in blocks of `_JOINED` images; None if they take too much memory."""
        limit = _SHARE_OF_MEMORY * psutil.virtual_memory().available
        held: list[Block] = []
        size = 0
        for block in read_blocks(self.run, self.method, self.shards):
            held.append(block)
            size += sum(vectors.nbytes for vectors in block.vectors)
            if size > limit:
                return None
        return list(_joined(held))


def _joined(blocks: list[Block]) -> Iterator[Block]:
    """Join blocks to blocks of `_JOINED` images; those that are joined are dropped from the list."""
    waiting: list[Block] = []
    number = 0
    while blocks:
        waiting.append(blocks.pop(0))
        number += len(waiting[-1].ids)
        if number >= _JOINED:
            whole = _concatenated(waiting)
            while number >= _JOINED:
                yield whole.part(slice(0, _JOINED))
                whole = whole.part(slice(_JOINED, None)) if number > _JOINED else replace(whole, ids=[])
                number -= _JOINED
            waiting = [whole] if number else []
    if number:
        yield _concatenated(waiting)


def _concatenated(blocks: Sequence[Block]) -> Block:
    regions = [block.regions for block in blocks if block.regions is not None]
    return Block(
        [image for block in blocks for image in block.ids],
        tuple(map(np.concatenate, zip(*(block.vectors for block in blocks), strict=True))),
        regions=np.concatenate(regions) if regions else None,
    )


def _read_rows(within: Sequence[Location]) -> tuple[pa.Table, NDArray[np.int64], NDArray[np.int32]]:
    """Read the rows of all images, sorted by id.

    Returns:
        Their columns but the vectors, n rows; their positions among the described images in the order of the shards,
        -1 for those without a descriptor, (n,); and the positions of their shards, (n,).
    """
    tables = list(map_shards(partial(shards.read, columns=schema.DESCRIBED.names), within))
    rows = pa.concat_tables(tables)
    rows = rows.cast(pa.schema([field.with_type(_LARGE.get(field.type, field.type)) for field in rows.schema]))
    numbers = np.repeat(np.arange(len(tables), dtype=np.int32), [table.num_rows for table in tables])
    described = pc.equal(rows["status"], schema.OK).to_numpy()
    positions = np.where(described, np.cumsum(described) - 1, -1)
    order = pc.sort_indices(rows["id"])
    return rows.take(order).combine_chunks(), positions[order], numbers[order]
