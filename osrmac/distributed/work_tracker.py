"""What the describing processes have in hand, kept where it survives them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

__all__ = ["WorkTracker", "WorkTrackerHandle", "start_work_tracker"]

WorkTrackerHandle = Any
"""Handle of the actor; Ray's own types for handles do not hold under mypy."""


@dataclass
class _InHand:
    attempts: int = 0
    described: int = 0
    failed: int = 0
    deaths: Counter[str] = field(default_factory=Counter)
    """How many processes died with an image in hand."""

    held: str | None = None


class WorkTracker:
    """Counts images, and tells a process that takes over a shard what the one before it died of.

    It is one small actor for all of the cluster, told of every image or so, never of its content.
    """

    def __init__(self) -> None:
        self._described = 0
        self._failed = 0
        self._in_hand: defaultdict[str, _InHand] = defaultdict(_InHand)

    def begin(self, shard: str) -> tuple[int, dict[str, int]]:
        """A process takes a shard.

        Returns:
            How many times it was taken, and how many processes died with which of its images alone in hand.
        """
        work = self._in_hand[shard]
        work.attempts += 1
        if work.held is not None:
            work.deaths[work.held] += 1
            work.held = None
        work.described = work.failed = 0
        return work.attempts, dict(work.deaths)

    def hold(self, shard: str, image: str) -> None:
        """A process turns to an image, alone."""
        self._in_hand[shard].held = image

    def progress(self, shard: str, described: int, failed: int) -> None:
        """So much of a shard is done."""
        work = self._in_hand[shard]
        work.described, work.failed = described, failed

    def finish(self, shard: str, described: int, failed: int) -> None:
        """A shard is committed."""
        self._in_hand.pop(shard, None)
        self._described += described
        self._failed += failed

    def read(self) -> tuple[int, int]:
        """The counts so far: described, failed."""
        work = self._in_hand.values()
        return self._described + sum(w.described for w in work), self._failed + sum(w.failed for w in work)


def start_work_tracker() -> WorkTrackerHandle:
    """Start a ledger; should it be killed it starts anew, empty.

    It stays beside the driver, for other nodes come and go.
    """
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    remote: Any = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(WorkTracker)
    return remote.options(scheduling_strategy=here).remote()
