"""Write the shortened descriptors of a run, shard by shard."""

from __future__ import annotations

import pyarrow as pa
import ray

from osrmac.config import ComputeConfig
from osrmac.distributed.cluster import connect
from osrmac.reduction.base import Reduction
from osrmac.runs.reduced_reader import digest as reduction_digest
from osrmac.runs.reduced_reader import is_current, reduce_shard
from osrmac.storage import schema, shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run

__all__ = ["write_reduced"]


def write_reduced(run: Run, selection: Reduction, compute: ComputeConfig) -> None:
    """Bring the shortened shards in line with the descriptors; those that are up to date stay as they are."""
    folder = run.reduced(selection.name)
    digest = reduction_digest(selection)
    written = set(shards.paths(folder))
    due = [
        (source, name)
        for source in shards.paths(run.descriptors)
        if (target := folder / (name := source.name)) not in written or not is_current(target, source, digest)
    ]
    if due:
        connect(compute)
        ray.get([_reduce_shard.remote(source, folder, name, selection, digest) for source, name in due])


@ray.remote
def _reduce_shard(source: Location, folder: Location, name: str, selection: Reduction, digest: str) -> None:
    kept = reduce_shard(source, selection.recipe, selection)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(kept.values.ravel()), selection.dimension)
    rows = schema.reduced(selection.dimension, selection.fingerprint, digest)
    table = pa.table([pa.array(kept.ids, pa.string()), vectors], schema=rows)
    shards.write(folder, table, name, shards.generation(source))
