"""Whether a run holds what it promises: every planned image once, with sound descriptors."""

from __future__ import annotations

from collections.abc import Iterator

from osrmac.config import ComputeConfig
from osrmac.distributed.check import check_shards
from osrmac.distributed.cluster import connect
from osrmac.runs.integrity import check_plan
from osrmac.storage import manifest
from osrmac.storage.run import Run

__all__ = ["problems"]


def problems(run: str, compute: ComputeConfig = ComputeConfig()) -> Iterator[str]:
    """What is wrong with a run, in a line each; nothing if it is whole. Nothing is mended.

    Checked are, of every shard: that it can be read to the end, that it holds exactly the planned ids and under the
    plan's generation, that its fingerprint is the run's, that every row says either what failed or has all its
    vectors, and that these are finite and their parts of unit norm. A part may be zero throughout, as of a black map.

    Args:
        run: Folder or URL of the run.
        compute: Where the shards are checked.

    Raises:
        StorageError: No run.
    """
    place = Run(run)
    identity = place.identity()
    planned = manifest.shard_plans(place.manifest)
    yield from check_plan(place, planned)
    left = manifest.pending(planned, place.descriptors)
    if left:
        rows = sum(plan.rows for plan in left)
        yield f"{rows} planned images are not described yet, in {len(left)} shards, first {left[0].shard}"
    connect(compute)
    unfinished = {plan.shard for plan in left}
    yield from check_shards(place, identity, [plan for plan in planned if plan.shard not in unfinished])
