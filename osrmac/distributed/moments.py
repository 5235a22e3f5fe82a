"""Mean and covariance of a run's descriptors, and random samples of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray
from numpy.typing import NDArray

from osrmac.distributed.tasks import OnProgress, root_cause
from osrmac.reduction.moments import Moments
from osrmac.storage import schema, shards
from osrmac.storage.location import Location

__all__ = ["exact_moments", "sample"]

_FAN_IN = 8
_MAX_SORTED_BYTES = 400_000_000
"""Bytes of descriptors that one task reads at once: those of 32 000 images of 3072 numbers."""

_T = TypeVar("_T")


def exact_moments(paths: Sequence[Location], recipe: str, on_progress: OnProgress | None = None) -> Moments:
    """Return the moments of all descriptors of a recipe, which do not depend on the cluster, to the last bit.

    Up to 400 MB of descriptors are summed in order of their ids, as small runs have other shards on other clusters.
    More are summed by a tree reduction over the shards. With n shards it has about sqrt(n) leaves of sqrt(n) shards
    each, which bounds the partial moments in the object store.

    Args:
        paths: Shards of descriptors; at least one.
        recipe: Name of the descriptor.
        on_progress: Called with the number of leaves computed, and of all.

    Raises:
        StorageError: A shard cannot be read.
    """
    if sum(_column_bytes(path, recipe) for path in paths) <= _MAX_SORTED_BYTES:
        leaves = [_sorted_moments.remote(list(paths), recipe)]
    else:
        parts = _chunks(paths, math.isqrt(len(paths) - 1) + 1)
        leaves = [_partial_moments.remote(list(part), recipe) for part in parts]
    root = _merge_tree(leaves)
    _wait(root, leaves, on_progress)
    with root_cause():
        return ray.get(root)


def _merge_tree(level: list[Any]) -> Any:
    """Return a reference to the sum of some moments, of which each task adds up a few."""
    while len(level) > 1:
        level = [_merge.remote(*parts) for parts in _chunks(level, _FAN_IN)]
    return level[0]


def _wait(root: Any, leaves: list[Any], on_progress: OnProgress | None) -> None:
    """Wait for the leaves, and drop their references: each would keep its moments in the object store.

    Stops when the root is ready, which happens before the leaves are when one of them fails.
    """
    total = len(leaves)
    while leaves:
        (ready,), _ = ray.wait(list(dict.fromkeys([*leaves, root])), fetch_local=False)
        if ready not in leaves:
            return
        leaves.remove(ready)
        if on_progress is not None:
            on_progress(total - len(leaves), total)


def _chunks(values: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (values[start : start + size] for start in range(0, len(values), size))


def _column_bytes(path: Location, recipe: str) -> int:
    """Return the size of a column of vectors in memory, from the footer of a shard."""
    metadata = shards.footer(path)
    groups = (metadata.row_group(group) for group in range(metadata.num_row_groups))
    columns = (group.column(index) for group in groups for index in range(group.num_columns))
    return sum(column.total_uncompressed_size for column in columns if column.path_in_schema.split(".")[0] == recipe)


@ray.remote
def _sorted_moments(paths: list[Location], recipe: str) -> Moments:
    return Moments.of(shards.read_vectors(paths, recipe).values)


@ray.remote
def _partial_moments(paths: list[Location], recipe: str) -> Moments:
    return Moments.of_parts(shards.read_vectors([path], recipe).values for path in paths)


@ray.remote
def _merge(*parts: Moments) -> Moments:
    return reduce(add, parts)


def sample(paths: Sequence[Location], recipe: str, samples: int, seed: int) -> NDArray[np.float32]:
    """Draw descriptors at random, without replacement.

    The images drawn depend on the ids and the seed, not on how the images are distributed over shards.

    Args:
        paths: Shards of descriptors.
        recipe: Name of the descriptor.
        samples: Number of descriptors; at most that of the described images.
        seed: Seed of the random generator.

    Returns:
        Descriptors of shape (samples, d), in order of their ids.
    """
    tables = [shards.read(path, ["id", "status"]) for path in paths]
    described = pa.concat_tables(tables).filter(pc.field("status") == schema.OK)
    ids = described["id"].sort()
    drawn = np.sort(np.random.default_rng(seed).choice(len(ids), samples, replace=False))
    return shards.read_vectors(paths, recipe, only=ids.take(pa.array(drawn))).values
