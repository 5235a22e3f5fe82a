"""Check the files of a run on the cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import ray

from osrmac.distributed.tasks import OnProgress, run_tasks
from osrmac.runs import integrity
from osrmac.storage.location import Location
from osrmac.storage.manifest import ShardPlan
from osrmac.storage.run import Identity, Run

__all__ = ["check_files", "check_shards"]


def check_shards(
    run: Run, identity: Identity, plans: Sequence[ShardPlan], on_progress: OnProgress | None = None
) -> Iterator[str]:
    """Yield one line for each problem of the committed shards, in the order of the plans.

    Args:
        run: The run that the shards belong to.
        identity: What the descriptors must be.
        plans: Shards to check.
        on_progress: Called with the number of shards checked, and of all.
    """
    shared = ray.put(identity)
    for problems in run_tasks(_check_shard, [(run, shared, plan) for plan in plans], on_progress):
        yield from problems


def check_files(files: Sequence[Location], on_progress: OnProgress | None = None) -> Iterator[str]:
    """Yield one line for each file of a run that is not as it was written.

    Args:
        files: Files to check.
        on_progress: Called with the number of files checked, and of all.
    """
    yield from filter(None, run_tasks(_check_file, [(file,) for file in files], on_progress))


@ray.remote
def _check_file(file: Location) -> str | None:
    return integrity.check_file(file)


@ray.remote
def _check_shard(run: Run, identity: Identity, plan: ShardPlan) -> list[str]:
    return integrity.check_shard(run, identity, plan)
