"""The described images of a run, read shard by shard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from osrmac.errors import PruningError, StorageError
from osrmac.prefetch import prefetch
from osrmac.reduction.base import aggregate
from osrmac.runs.methods import Method
from osrmac.runs.reductions.reduced_reader import read_regions, read_shard
from osrmac.storage import schema, shards
from osrmac.storage.location import Location
from osrmac.storage.run import USUAL_REGIONS, Run
from osrmac.types import Matrix

__all__ = [
    "Block",
    "Source",
    "find_rows",
    "image_bytes",
    "list_shards",
    "map_shards",
    "read_blocks",
    "read_region_blocks",
    "refused_if_pruned",
    "source",
    "unpruned",
]

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")

_READ_AHEAD = 4
"""Number of shards read ahead of the consumer."""

_REMOTE_FOOTERS = 32
"""Number of remote shards that are searched for ids at once: of most, only the footer is read."""

_USUAL_ROWS = 2000
"""Images in a shard of a large run, if the run has not been counted yet."""


@dataclass(frozen=True, eq=False)
class Block:
    """The described images of one shard, or of several.

    Attributes:
        ids: n ids, sorted.
        vectors: For each recipe of the method the vectors that are compared, (n, k), or (sum of regions, k).
        shard: Shard of descriptors that holds the images, None where there are several.
        regions: Number of regions of each image where these are compared, (n,); None for one vector an image.
    """

    ids: list[str]
    vectors: tuple[Matrix, ...]
    shard: Location | None = None
    regions: NDArray[np.int64] | None = None

    def part(self, rows: slice) -> Block:
        """Return some of the images, with all their regions."""
        if self.regions is None:
            return replace(self, ids=self.ids[rows], vectors=tuple(vectors[rows] for vectors in self.vectors))
        ends = np.cumsum(self.regions)
        kept = slice((ends - self.regions)[rows][0], ends[rows][-1])
        vectors = tuple(of_recipe[kept] for of_recipe in self.vectors)
        return replace(self, ids=self.ids[rows], vectors=vectors, regions=self.regions[rows])

    def of_images(self) -> tuple[Matrix, ...]:
        """Return for each recipe one vector of each image, (n, k): regions are summed."""
        regions = self.regions
        return self.vectors if regions is None else tuple(aggregate(vectors, regions) for vectors in self.vectors)


@dataclass(frozen=True)
class Source:
    """Images to compare with.

    Attributes:
        read: Reads the blocks of some shards. Can be pickled.
        shards: Shards of their descriptors.
        size: Bytes of their vectors, about.
    """

    read: Callable[[Sequence[Location]], Iterable[Block]]
    shards: Sequence[Location]
    size: int


def source(run: Run, method: Method) -> Source:
    """Return the described images of a run.

    Raises:
        StorageError: There is no run, or it has no descriptors yet.
    """
    found = list_shards(run)
    images = run.record()["counts"].get(schema.OK, _USUAL_ROWS * len(found))
    return Source(partial(read_blocks, run, method), found, images * image_bytes(run, method))


def image_bytes(run: Run, method: Method) -> int:
    """Return the size of the vectors of one image that a method compares; of regions there is the usual number."""
    dimensions = run.identity().dimensions
    numbers = sum(
        dimensions[recipe] if method.on_reading is None else method.on_reading.dimension for recipe in method.recipes
    )
    return 4 * numbers * (USUAL_REGIONS if method.best_region else 1)


def list_shards(run: Run) -> list[Location]:
    """List the shards of a run's descriptors.

    Raises:
        StorageError: There is no run, or it has no descriptors yet.
    """
    run.record()
    found = shards.paths(run.descriptors)
    if not found:
        raise StorageError(f"{run.url} has no descriptors yet: make them with osrmac extract")
    return found


@contextmanager
def unpruned(run: Run) -> Iterator[None]:
    """Raise an error if images are removed from a run while the block reads it, in place of any other error.

    What the block has read may be of both states, or even name removed images.

    Raises:
        PruningError: Images were removed, or a prune was interrupted.
    """
    before = run.record()["stages"].get("prune")
    try:
        yield
    except Exception:
        _require_same(run, before)
        raise
    _require_same(run, before)


def _require_same(run: Run, before: object) -> None:
    if run.record()["stages"].get("prune") != before:
        raise PruningError(f"images were removed from {run.url} while it was read: run the same command again")


def refused_if_pruned(
    command: Callable[Concatenate[str, _Parameters], _Result],
) -> Callable[Concatenate[str, _Parameters], _Result]:
    """Decorate a function that reads a run, its first argument, and holds none of its locks: see `unpruned`."""

    @wraps(command)
    def read(run: str, /, *arguments: _Parameters.args, **options: _Parameters.kwargs) -> _Result:
        with unpruned(Run(run)):
            return command(run, *arguments, **options)

    return read


def read_blocks(run: Run, method: Method, within: Sequence[Location]) -> Iterator[Block]:
    """Read the vectors that a method compares, a few shards in memory at a time.

    Args:
        run: Run that the shards belong to.
        method: Recipes to read, and their reduction.
        within: Shards of descriptors.
    """
    return map_shards(partial(_read_block, run, method), within)


def read_region_blocks(method: Method, within: Sequence[Location]) -> Iterator[Block]:
    """Read the regions that a method matches, from the shards of a run or of cropped queries."""
    return map_shards(partial(_read_region_block, method), within)


def _read_region_block(method: Method, shard: Location) -> Block:
    (recipe,) = method.recipes
    vectors = read_regions(shard, recipe, method.reduction)
    return Block(vectors.ids, (vectors.values,), shard, vectors.regions)


def _read_block(run: Run, method: Method, shard: Location) -> Block:
    if method.best_region:
        return _read_region_block(method, shard)
    parts = [read_shard(run, shard, recipe, method.reduction) for recipe in method.recipes]
    return Block(parts[0].ids, tuple(vectors.values for vectors in parts), shard)


def find_rows(ids: Iterable[str], within: Iterable[Location]) -> dict[str, dict[str, Any]]:
    """Look up images, and return their rows by id: all columns but the vectors, and the shard as `shard`.

    Args:
        ids: Ids of the images; an id that is in none of the shards is left out.
        within: Shards of descriptors.
    """
    found = partial(shards.find, ids=sorted(set(ids)), columns=schema.DESCRIBED.names)
    distinct = sorted(set(within))
    threads = _READ_AHEAD if all(shard.is_local for shard in distinct) else _REMOTE_FOOTERS
    tables = prefetch(found, distinct, threads=threads, depth=threads)
    return {
        row["id"]: row | {"shard": shard}
        for shard, table in zip(distinct, tables, strict=True)
        for row in table.to_pylist()
    }


def map_shards(function: Callable[[Location], _Result], within: Sequence[Location]) -> Iterator[_Result]:
    """Apply a function to each shard, in order, a few shards ahead of the consumer."""
    return prefetch(function, within, threads=_READ_AHEAD, depth=_READ_AHEAD)
