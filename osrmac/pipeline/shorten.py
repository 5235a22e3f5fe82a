"""Write the selected features of every descriptor, shard by shard."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from functools import lru_cache

import numpy as np
import pyarrow as pa
import ray
from numpy.typing import NDArray

from osrmac.config import ComputeConfig
from osrmac.pipeline.cluster import connect
from osrmac.selection.selection import Shortening, aggregate
from osrmac.storage import files, schema, shards
from osrmac.storage.run import Run
from osrmac.storage.shards import Vectors

__all__ = ["read_shard", "read_shortened", "shorten"]


def shorten(run: Run, selection: Shortening, compute: ComputeConfig) -> None:
    """Bring the shortened shards in line with the descriptors; those that are up to date stay as they are."""
    folder = run.reduced(selection.name)
    digest = _digest(selection)
    written = set(shards.paths(folder))
    due = [
        (source, name)
        for source in shards.paths(run.descriptors)
        if (target := files.join(folder, name := files.name(source))) not in written
        or not _is_current(target, source, digest)
    ]
    if due:
        connect(compute)
        ray.get([_shorten_shard.remote(source, folder, name, selection, digest) for source, name in due])


@lru_cache(maxsize=8)
def _digest(selection: Shortening) -> str:
    # Without what is not known, so that what an older version has written stays valid.
    known = {key: value for key, value in asdict(selection).items() if value is not None}
    return hashlib.sha256(json.dumps(known, sort_keys=True, default=_listed).encode()).hexdigest()


def _listed(values: NDArray[np.float64]) -> list[float]:
    listed: list[float] = values.tolist()
    return listed


def _is_current(target: str, source: str, digest: str) -> bool:
    made = shards.read_metadata(target)
    return made["osrmac.selection"] == digest and shards.generation(target) == shards.generation(source)


@ray.remote
def _shorten_shard(source: str, folder: str, name: str, selection: Shortening, digest: str) -> None:
    kept = _shortened(source, selection.recipe, selection)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(kept.values.ravel()), selection.dimension)
    rows = schema.reduced(selection.dimension, selection.fingerprint, digest)
    table = pa.table([pa.array(kept.ids, pa.string()), vectors], schema=rows)
    shards.write(folder, table, name, shards.generation(source))


def read_shard(run: Run, shard: str, recipe: str, by: Shortening | None) -> Vectors:
    """The descriptors in one shard as they are compared; what was written shortened is read if it is up to date.

    Args:
        run: That the shard belongs to.
        shard: URL of a shard of descriptors.
        recipe: Which descriptor.
        by: What shortens it, or None.
    """
    if by is None:
        return shards.read_vectors([shard], recipe)
    copy = files.join(run.reduced(by.name), files.name(shard))
    if recipe == by.recipe and files.exists(copy) and _is_current(copy, shard, _digest(by)):
        table = shards.read(copy)
        return Vectors(table["id"].to_pylist(), shards.matrix(table["vector"].combine_chunks()).copy())
    return _shortened(shard, recipe, by)


def read_shortened(paths: Iterable[str], recipe: str, by: Shortening) -> Vectors:
    """The shortened descriptors of all images, sorted by id, while whole ones are in memory one shard at a time."""
    parts = [_shortened(path, recipe, by) for path in paths]
    ids = [image for part in parts for image in part.ids]
    order = np.argsort(np.array(ids, dtype=object), kind="stable")
    return Vectors([ids[row] for row in order], np.concatenate([part.values for part in parts])[order])


def _shortened(path: str, recipe: str, by: Shortening) -> Vectors:
    whole = shards.read_vectors([path], recipe)
    kept = by.apply(whole.values)
    return Vectors(whole.ids, kept if whole.regions is None else aggregate(kept, whole.regions))
