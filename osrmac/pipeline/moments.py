"""Moments of a run's descriptors: exact ones computed where the shards are read, or samples on the driver."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray
from numpy.typing import NDArray

from osrmac.selection.moments import Moments
from osrmac.storage import schema, shards

__all__ = ["exact_moments", "sample"]

_GROUPS_PER_CPU = 2


def exact_moments(paths: Sequence[str], recipe: str) -> Moments:
    """Moments of all descriptors: partial ones where the shards are read, merged in the order of the shards."""
    cpus = ray.cluster_resources().get("CPU", 1)  # type: ignore[no-untyped-call]
    groups = max(1, int(cpus) * _GROUPS_PER_CPU)
    parts = [list(part) for part in np.array_split(np.array(paths, dtype=object), groups) if len(part)]
    return reduce(add, (ray.get(partial) for partial in [_partial_moments.remote(part, recipe) for part in parts]))


@ray.remote
def _partial_moments(paths: list[str], recipe: str) -> Moments:
    return Moments.of_parts(shards.read_vectors([path], recipe).values for path in paths)


def sample(paths: Sequence[str], recipe: str, samples: int, seed: int) -> NDArray[np.float32]:
    """Descriptors drawn at random, (samples, d), in order of their ids: the same ones however they are sharded."""
    tables = [shards.read(path, ["id", "status"]) for path in paths]
    described = pa.concat_tables(tables).filter(pc.field("status") == schema.OK)
    ids = described["id"].sort()
    drawn = np.sort(np.random.default_rng(seed).choice(len(ids), samples, replace=False))
    return shards.read_vectors(paths, recipe, only=ids.take(pa.array(drawn))).values
