"""Shortened descriptors: read where they are up to date, else computed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from osrmac.reduction.base import Reduction, aggregate
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from osrmac.storage.shards import Vectors

__all__ = ["digest", "is_current", "read_reduced", "read_shard", "reduce_shard"]


@lru_cache(maxsize=8)
def digest(selection: Reduction) -> str:
    """SHA-256 of a shortening, in hex."""
    # Without what is not known, so that what an older version has written stays valid.
    known = {key: value for key, value in asdict(selection).items() if value is not None}
    return hashlib.sha256(json.dumps(known, sort_keys=True, default=_listed).encode()).hexdigest()


def _listed(values: NDArray[np.float64]) -> list[float]:
    listed: list[float] = values.tolist()
    return listed


def is_current(target: Location, source: Location, digest: str) -> bool:
    """Whether a shortened shard was written from the descriptors as they are, by the shortening of this digest."""
    made = shards.read_metadata(target)
    return made["osrmac.selection"] == digest and shards.generation(target) == shards.generation(source)


def read_shard(run: Run, shard: Location, recipe: str, by: Reduction | None) -> Vectors:
    """The descriptors in one shard as they are compared; what was written shortened is read if it is up to date.

    Args:
        run: That the shard belongs to.
        shard: URL of a shard of descriptors.
        recipe: Which descriptor.
        by: What shortens it, or None.
    """
    if by is None:
        return shards.read_vectors([shard], recipe)
    copy = run.reduced(by.name) / shard.name
    if recipe == by.recipe and copy.exists() and is_current(copy, shard, digest(by)):
        table = shards.read(copy)
        return Vectors(table["id"].to_pylist(), shards.matrix(table["vector"].combine_chunks()).copy())
    return reduce_shard(shard, recipe, by)


def read_reduced(paths: Iterable[Location], recipe: str, by: Reduction) -> Vectors:
    """The shortened descriptors of all images, sorted by id, while whole ones are in memory one shard at a time."""
    parts = [reduce_shard(path, recipe, by) for path in paths]
    ids = [image for part in parts for image in part.ids]
    order = np.argsort(np.array(ids, dtype=object), kind="stable")
    return Vectors([ids[row] for row in order], np.concatenate([part.values for part in parts])[order])


def reduce_shard(path: Location, recipe: str, by: Reduction) -> Vectors:
    """The descriptors of a shard, shortened."""
    whole = shards.read_vectors([path], recipe)
    kept = by.apply(whole.values)
    return Vectors(whole.ids, kept if whole.regions is None else aggregate(kept, whole.regions))
