"""Write the reduced descriptors of a run, one shard per task."""

from __future__ import annotations

import pyarrow as pa
import ray

from osrmac.config import ClusterConfig
from osrmac.distributed.cluster.connect import connect
from osrmac.distributed.tasks import OnProgress, run_tasks
from osrmac.reduction.base import Reduction
from osrmac.runs.reductions.reduced_reader import digest as reduction_digest
from osrmac.runs.reductions.reduced_reader import is_current, reduce_shard
from osrmac.storage import schema, shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run

__all__ = ["write_reduced"]


def write_reduced(
    run: Run, reduction: Reduction, compute: ClusterConfig, on_progress: OnProgress | None = None
) -> None:
    """Write the reduced shards that are missing, or older than their descriptors or than the reduction.

    Args:
        run: A run with descriptors.
        reduction: A fitted reduction.
        compute: The cluster; Ray starts only if there is something to write.
        on_progress: Called with the number of shards written, and of all that must be.

    Raises:
        StorageError: A shard cannot be read or written.
    """
    folder = run.reduced(reduction.name)
    digest = reduction_digest(reduction)
    stale = _stale_shards(run.descriptors, folder, digest)
    if not stale:
        return
    connect(compute)
    shared = ray.put(reduction)
    for _ in run_tasks(_reduce_shard, [(source, folder, shared, digest) for source in stale], on_progress):
        pass


def _stale_shards(descriptors: Location, folder: Location, digest: str) -> list[Location]:
    """Return the shards of descriptors whose reduced copy is missing or outdated."""
    existing = set(shards.paths(folder))
    copies = {source: folder / source.name for source in shards.paths(descriptors)}
    return [
        source
        for source, copy in copies.items()
        if copy not in existing or not is_current(shards.read_metadata(copy), source, digest)
    ]


@ray.remote
def _reduce_shard(source: Location, folder: Location, reduction: Reduction, digest: str) -> None:
    reduced = reduce_shard(source, reduction.recipe, reduction)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(reduced.values.ravel()), reduction.dimension)
    columns = schema.reduced(reduction.dimension, reduction.fingerprint, digest)
    table = pa.table([pa.array(reduced.ids, pa.string()), vectors], schema=columns)
    shards.write(folder, table, source.name, shards.generation(source), small_groups=True)
