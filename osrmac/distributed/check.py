"""Check the shards of a run on the cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import ray

from osrmac.runs import integrity
from osrmac.storage.manifest import ShardPlan
from osrmac.storage.run import Identity, Run

__all__ = ["check_shards"]

_IN_FLIGHT = 64


def check_shards(run: Run, identity: Identity, shard_plans: Sequence[ShardPlan]) -> Iterator[str]:
    """What is wrong with the shards of some units, in a line each; some are checked at a time."""
    remaining = iter(shard_plans)
    running = [_check.remote(run, identity, plan) for plan, _ in zip(remaining, range(_IN_FLIGHT), strict=False)]
    while running:
        yield from ray.get(running.pop(0))
        running += [_check.remote(run, identity, plan) for plan, _ in zip(remaining, range(1), strict=False)]


@ray.remote
def _check(run: Run, identity: Identity, plan: ShardPlan) -> list[str]:
    return integrity.check_shard(run, identity, plan)
