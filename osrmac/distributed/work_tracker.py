"""Progress and history of the shards in work, kept in an actor that outlives the workers."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

__all__ = ["WorkTracker", "WorkTrackerHandle", "start_work_tracker"]

WorkTrackerHandle = Any
"""Handle of the actor; Ray's own types for handles do not pass mypy."""


@dataclass
class _ShardState:
    """History of an uncommitted shard.

    Attributes:
        attempts: Workers that have started it.
        described: Images described by the present worker.
        failed: Images that failed in the present worker.
        isolated: Id of the image that the present worker describes by itself.
        deaths: For each image, how many workers died while describing it by itself.
    """

    attempts: int = 0
    described: int = 0
    failed: int = 0
    isolated: str | None = None
    deaths: Counter[str] = field(default_factory=Counter)


class WorkTracker:
    """Counts images for the progress display, and remembers which images have killed workers.

    One small actor serves the entire cluster. It receives ids and counts, never images, and about one message per
    second and worker; one for each image only in shards whose worker has died.
    """

    def __init__(self) -> None:
        self._described = 0
        self._failed = 0
        self._shards: defaultdict[str, _ShardState] = defaultdict(_ShardState)

    def start(self, shard: str) -> tuple[int, dict[str, int]]:
        """Register a worker that starts a shard.

        An image that was isolated when the shard is started again has killed the worker before.

        Returns:
            The number of the attempt, from 1, and for each image how many workers have died with it.
        """
        state = self._shards[shard]
        state.attempts += 1
        if state.isolated is not None:
            state.deaths[state.isolated] += 1
            state.isolated = None
        state.described = state.failed = 0
        return state.attempts, dict(state.deaths)

    def isolate(self, shard: str, image: str) -> None:
        """Note the image that a worker is about to describe by itself."""
        self._shards[shard].isolated = image

    def update(self, shard: str, described: int, failed: int) -> None:
        """Set the counts of a shard in work."""
        state = self._shards[shard]
        state.described, state.failed = described, failed

    def finish(self, shard: str, described: int, failed: int) -> None:
        """Add the counts of a committed shard to the total, and forget its history."""
        self._shards.pop(shard, None)
        self._described += described
        self._failed += failed

    def counts(self) -> tuple[int, int]:
        """Return the images described and failed so far, including those not committed yet."""
        states = self._shards.values()
        described = self._described + sum(state.described for state in states)
        return described, self._failed + sum(state.failed for state in states)


def start_work_tracker() -> WorkTrackerHandle:
    """Start the actor on the driver's node, as other nodes may come and go; if it dies, it restarts without history."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    remote: Any = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(WorkTracker)
    return remote.options(scheduling_strategy=here).remote()
