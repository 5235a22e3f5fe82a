"""A run's images as a system compares them, shard by shard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from osrmac.errors import StorageError
from osrmac.prefetch import prefetch
from osrmac.runs.methods import Method
from osrmac.runs.reduced_reader import read_shard
from osrmac.storage import shards
from osrmac.storage.run import Run
from osrmac.types import Matrix

__all__ = ["Block", "blocks", "each", "listed", "rows"]

_Made = TypeVar("_Made")

_AHEAD = 4
"""Shards that are read ahead of where they are compared."""


@dataclass(frozen=True, eq=False)
class Block:
    """The described images of a shard.

    Attributes:
        shard: URL of the shard of descriptors.
        ids: n ids, sorted.
        vectors: For each recipe of the system (n, k).
    """

    shard: str
    ids: list[str]
    vectors: tuple[Matrix, ...]


def listed(run: Run) -> list[str]:
    """URLs of the shards of a run's descriptors.

    Raises:
        StorageError: There is no run, or there are none.
    """
    run.record()
    found = shards.paths(run.descriptors)
    if not found:
        raise StorageError(f"{run.url} has no descriptors yet: make them with osrmac extract")
    return found


def blocks(run: Run, method: Method, within: Sequence[str]) -> Iterator[Block]:
    """The described images of some shards, a few shards in memory at a time.

    Args:
        run: Holds the descriptors.
        method: What they are shortened by.
        within: URLs of the shards of descriptors.
    """
    yield from each(partial(_block, run, method), within)


def _block(run: Run, method: Method, shard: str) -> Block:
    found = [read_shard(run, shard, recipe, method.reduction) for recipe in method.recipes]
    return Block(shard, found[0].ids, tuple(vectors.values for vectors in found))


def rows(ids: Iterable[str], within: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What the shards know of some images beside their vectors, and their own URL as `shard`, by id.

    Args:
        ids: Of the images; one that no shard has is left out.
        within: URLs of shards of descriptors.
    """
    wanted = pa.array(sorted(set(ids)), pa.string())
    found = each(partial(_rows, wanted), sorted(set(within)))
    return {row["id"]: row for some in found for row in some}


def _rows(wanted: pa.Array, shard: str) -> list[dict[str, Any]]:
    table = shards.read(shard, ["id", "uri", "status", "error_stage", "error", "width", "height"])
    found = table.filter(pc.is_in(table["id"], value_set=wanted)).to_pylist()
    return [row | {"shard": shard} for row in found]


def each(make: Callable[[str], _Made], given: Sequence[str]) -> Iterator[_Made]:
    """What a function makes of each shard, in their order; a few are read ahead."""
    return prefetch(make, given, threads=_AHEAD, depth=_AHEAD)
