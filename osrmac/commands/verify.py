"""Check the integrity of a run."""

from __future__ import annotations

from collections.abc import Iterator

from osrmac.config import ClusterConfig
from osrmac.runs.integrity import check_plan
from osrmac.storage import manifest
from osrmac.storage.run import Run

__all__ = ["verify"]


def verify(run: str, cluster: ClusterConfig = ClusterConfig()) -> Iterator[str]:
    """Yield the problems of a run, each as one line; nothing is repaired.

    Every shard must be readable to its end and have the fingerprint of the run; it must hold exactly the planned
    images, in the planned generation. Every row must have either the reason of a failure or all of its vectors, which
    must be finite, with each part of unit norm or zero (the descriptor of a feature map of zeros).

    Args:
        run: Folder or URL of the run.
        cluster: Cluster that reads the shards.

    Raises:
        NotFoundError: No run.
    """
    place = Run(run)
    identity = place.identity()
    planned = manifest.shard_plans(place.manifest)
    yield from check_plan(place, planned)
    pending = manifest.pending(planned, place.descriptors)
    if pending:
        rows = sum(plan.rows for plan in pending)
        yield f"{rows} planned images are not described yet, in {len(pending)} shards, first {pending[0].shard}"
    from osrmac.distributed.check import check_shards
    from osrmac.distributed.cluster import connect

    connect(cluster)
    unfinished = {plan.shard for plan in pending}
    yield from check_shards(place, identity, [plan for plan in planned if plan.shard not in unfinished])
