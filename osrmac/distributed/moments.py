"""Moments of a run's descriptors: exact ones as a tree of partial sums, or samples on the driver."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray
from numpy.typing import NDArray

from osrmac.reduction.moments import Moments
from osrmac.storage import schema, shards
from osrmac.storage.location import Location

__all__ = ["exact_moments", "sample"]

_FAN_IN = 8

_T = TypeVar("_T")


def exact_moments(paths: Sequence[Location], recipe: str) -> Moments:
    """Moments of all descriptors: partial ones where the shards are read, merged as a tree where these are.

    The tree depends on the shards alone, so that the sums are the same whatever the cluster. It has as many leaves as
    each of them has shards, or about: that bounds what waits to be merged.
    """
    level = [_partial_moments.remote(list(part), recipe) for part in _batched(paths, math.isqrt(len(paths) - 1) + 1)]
    while len(level) > 1:
        level = [_merged.remote(*parts) for parts in _batched(level, _FAN_IN)]
    return ray.get(level[0])


def _batched(values: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (values[start : start + size] for start in range(0, len(values), size))


@ray.remote
def _partial_moments(paths: list[Location], recipe: str) -> Moments:
    return Moments.of_parts(shards.read_vectors([path], recipe).values for path in paths)


@ray.remote
def _merged(*parts: Moments) -> Moments:
    return reduce(add, parts)


def sample(paths: Sequence[Location], recipe: str, samples: int, seed: int) -> NDArray[np.float32]:
    """Descriptors drawn at random, (samples, d), in order of their ids: the same ones however they are sharded."""
    tables = [shards.read(path, ["id", "status"]) for path in paths]
    described = pa.concat_tables(tables).filter(pc.field("status") == schema.OK)
    ids = described["id"].sort()
    drawn = np.sort(np.random.default_rng(seed).choice(len(ids), samples, replace=False))
    return shards.read_vectors(paths, recipe, only=ids.take(pa.array(drawn))).values
