"""Reduced descriptors: read from their shards where those are current, otherwise computed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from functools import lru_cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from osrmac.reduction.base import Reduction, aggregate
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from osrmac.storage.shards import Vectors

__all__ = ["digest", "is_current", "read_reduced", "read_regions", "read_shard", "reduce_shard", "summed"]


@lru_cache(maxsize=8)
def digest(reduction: Reduction) -> str:
    """Return the SHA-256 digest of a reduction, in hex."""
    # Attributes that are None are left out, so that the digests of earlier versions stay valid.
    values = {key: value for key, value in asdict(reduction).items() if value is not None}
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=_to_list).encode()).hexdigest()


def _to_list(values: NDArray[np.float64]) -> list[float]:
    listed: list[float] = values.tolist()
    return listed


def is_current(metadata: Mapping[str, str], source: Location, digest: str) -> bool:
    """Return whether a reduced shard was written from the present descriptors by the reduction of this digest.

    Args:
        metadata: Metadata of the reduced shard.
        source: Shard of descriptors.
        digest: Digest of the reduction.
    """
    return metadata["osrmac.selection"] == digest and shards.generation_of(metadata) == shards.generation(source)


def read_shard(run: Run, shard: Location, recipe: str, reduction: Reduction | None) -> Vectors:
    """Read the descriptors of one shard as they are compared; a current reduced shard is read instead.

    Args:
        run: Run that the shard belongs to.
        shard: Shard of descriptors.
        recipe: Recipe to read.
        reduction: Reduction to apply, if any.
    """
    if reduction is None:
        return shards.read_vectors([shard], recipe)
    copy = run.reduced(reduction.name) / shard.name
    if recipe == reduction.recipe and copy.exists():
        table = shards.read(copy)  # with the metadata of these very rows, as osrmac fit may be replacing the file
        if is_current(shards.metadata_of(table), shard, digest(reduction)):
            return Vectors(table["id"].to_pylist(), shards.matrix(table["vector"].combine_chunks()).copy())
    return reduce_shard(shard, recipe, reduction)


def read_reduced(paths: Iterable[Location], recipe: str, reduction: Reduction) -> Vectors:
    """Reduce the descriptors of all images, sorted by id, with one shard of full descriptors in memory at a time."""
    parts = [reduce_shard(path, recipe, reduction) for path in paths]
    ids = [image for part in parts for image in part.ids]
    order = np.argsort(np.array(ids, dtype=object), kind="stable")
    return Vectors([ids[row] for row in order], np.concatenate([part.values for part in parts])[order])


def reduce_shard(shard: Location, recipe: str, reduction: Reduction) -> Vectors:
    """Read the descriptors of one shard, and reduce them; those of regions are summed to one vector an image."""
    return summed(read_regions(shard, recipe, reduction))


def read_regions(shard: Location, recipe: str, reduction: Reduction | None, only: pa.Array | None = None) -> Vectors:
    """Read the descriptors of one shard, and reduce them, those of regions one by one.

    Args:
        shard: Shard of descriptors.
        recipe: Recipe to read.
        reduction: Reduction to apply, if any.
        only: Ids of the images to read; None for all of them.
    """
    full = shards.read_vectors([shard], recipe, only)
    return full if reduction is None else replace(full, values=reduction.apply(full.values))


def summed(vectors: Vectors) -> Vectors:
    """Return one vector for each image: those of regions are summed, and L2-normalised."""
    if vectors.regions is None:
        return vectors
    return Vectors(vectors.ids, aggregate(vectors.values, vectors.regions))
