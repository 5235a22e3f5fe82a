"""Check the integrity of a run."""

from __future__ import annotations

from collections.abc import Iterator

from osrmac.config import ClusterConfig
from osrmac.progress import stage
from osrmac.runs.integrity import check_file, check_indexes, check_plan, other_files
from osrmac.runs.shard_reader import unpruned
from osrmac.storage import manifest, shards
from osrmac.storage.run import Identity, Run

__all__ = ["verify"]


def verify(run: str, cluster: ClusterConfig = ClusterConfig()) -> Iterator[str]:
    """Yield the problems of a run, each as one line; nothing is repaired.

    Every file must be as it was written, as far as its checksums tell: files of version 0.1.0 have none, and must only
    be readable. Every shard must have the fingerprint of the run, and hold exactly the planned images, in the planned
    generation. Every row must have either the reason of a failure or all of its vectors, which must be finite, with
    each part of unit norm or zero (the descriptor of a feature map of zeros).

    Args:
        run: Folder or URL of the run.
        cluster: Cluster that reads the shards.

    Raises:
        NotFoundError: No run.
    """
    place = Run(run)
    identity = place.identity()
    with unpruned(place):
        yield from _problems(place, identity, cluster)


def _problems(place: Run, identity: Identity, cluster: ClusterConfig) -> Iterator[str]:
    damaged_parts = list(filter(None, map(check_file, shards.paths(place.manifest))))
    if damaged_parts:
        yield from damaged_parts
        return
    planned = manifest.shard_plans(place.manifest)
    yield from check_plan(place, planned)
    pending = manifest.pending(planned, place.descriptors)
    if pending:
        rows = sum(plan.rows for plan in pending)
        yield f"{rows} planned images are not described yet, in {len(pending)} shards, first {pending[0].shard}"
    from osrmac.distributed.check import check_files, check_shards
    from osrmac.distributed.cluster.connect import connect

    connect(cluster)
    existing = {shard.name for shard in shards.paths(place.descriptors)}
    with stage("checking descriptors") as progress:
        committed = [plan for plan in planned if plan.shard in existing]
        problems = list(check_shards(place, identity, committed, progress.update))
    with stage("checking other files") as progress:
        problems += check_files(other_files(place), progress.update)
        problems += check_indexes(place)
    yield from problems
