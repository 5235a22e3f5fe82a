"""The worker: an actor that fetches, describes and commits the images of whole shards."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import pyarrow as pa
import ray
import torch

from osrmac.config import ComputeConfig, FailureConfig
from osrmac.descriptor.describer import Describer, Description, Failure
from osrmac.descriptor.models import backbones
from osrmac.descriptor.optimize import malloc
from osrmac.descriptor.recipes import Recipe, need_embedding
from osrmac.distributed.monitoring.metrics import WorkerMetrics
from osrmac.distributed.shard_task import ShardTask
from osrmac.distributed.watchdog import Watchdog
from osrmac.distributed.work_tracker import WorkTrackerHandle
from osrmac.distributed.worker_pool import WorkerPool
from osrmac.prefetch import prefetch
from osrmac.runs.failures import DEADLY
from osrmac.stopwatch import Durations
from osrmac.storage import schema, shards
from osrmac.storage.location import Location
from osrmac.storage.manifest import ShardPlan
from osrmac.storage.reading.access import AccessUrls
from osrmac.storage.reading.fetch import Fetcher, longest_fetch
from osrmac.storage.run import Identity

__all__ = ["STAGES", "DescribeJob", "DescribeWorker"]

STAGES = ("start", "idle", "fetch", "decode", "network", "commit", "other")
"""What the time of a worker is spent on. Fetching and decoding run ahead, and beside a GPU committing runs behind: of
these, only the time that the worker waits for them counts."""

_MAX_DEATHS = 2
"""Workers that may die while describing an image by itself before the image counts as failed."""

_REPORT_SECONDS = 1.0

_STARTED_AT_ONCE = 8
"""Shards whose plans are read concurrently, because a worker beside a GPU waits for all shards of a batch."""

_GPU_TRIM_INTERVAL = 1024
"""Images after which a worker beside a GPU calls `malloc.trim`, which takes a millisecond."""


@dataclass(frozen=True)
class DescribeJob:
    """What the workers of one extraction have in common.

    Attributes:
        planned: Folder of the manifest.
        folder: Folder that the shards are written to.
        identity: What the descriptors are.
        state: Reference to the state dict of the backbone in the object store.
        recipes: Definitions of the recipes, so that those that only the driver has registered work, too.
        pool: Device, threads and resources of each worker.
        compute: Concurrent reads, and whether the network is compiled.
        failures: Retries, limits and timeouts.
        access: Reference to the `AccessUrls` in the object store; None if no image has one.
    """

    planned: Location
    folder: Location
    identity: Identity
    state: Any
    recipes: Mapping[str, Recipe]
    pool: WorkerPool
    compute: ComputeConfig
    failures: FailureConfig
    access: Any = None

    def load_describer(self) -> Describer:
        """Build the backbone from the object store."""
        config = self.identity.descriptor
        embedding = need_embedding(config.recipes, self.recipes)
        backbone = backbones.build(config.backbone, config.layers, ray.get(self.state), embedding=embedding)
        return Describer(
            backbone,
            config,
            self.pool.device,
            compiled=self.compute.compile,
            recipes=self.recipes,
            gpu_share=self.pool.gpus or 1.0,
        )


class DescribeWorker:
    """Callable class for Ray Data that turns planned shards into committed ones.

    Loads the backbone once and then processes any number of batches. Images of consecutive shards form one stream, so
    that fetching and decoding run ahead across shards. Where an earlier worker died, images are processed one by one,
    so that the tracker knows which of them was to blame.

    Args:
        job: What to describe, and how.
        tracker: Actor that survives this worker.
    """

    def __init__(self, job: DescribeJob, tracker: WorkTrackerHandle) -> None:
        started = time.perf_counter()
        malloc.retain()
        torch.set_num_threads(job.pool.threads)
        self._job = job
        self._tracker = tracker
        self._describer = job.load_describer()
        self._access: AccessUrls | None = None if job.access is None else ray.get(job.access)
        self._fetch = Fetcher(job.failures, job.compute.concurrent_reads)
        self._watchdog = Watchdog(job.failures.image_timeout, longest_fetch(job.failures))
        identity = job.identity
        self._schema = schema.descriptors(identity.dimensions, identity.fingerprint, identity.regional)
        self._images = 0
        self._image_seconds: list[float] = []
        self._trim_interval = _GPU_TRIM_INTERVAL if job.pool.gpus else malloc.TRIM_INTERVAL
        self._batches = 0
        self._metrics = WorkerMetrics()
        self._stopwatch = self._describer.stopwatch
        self._idle_since = time.perf_counter()
        self._stopwatch.add("start", self._idle_since - started)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Describe and commit a batch of shards.

        Args:
            batch: Shards to describe, with the fields of `ShardPlan` as columns.

        Returns:
            One row: the images `described` and `failed`, `workers` (1 for the first batch of this worker, else 0), the
            seconds spent in each of `STAGES` since the previous batch, and the `timed` images with the sums
            `timed_seconds` and `timed_squares` of their `Durations`: all but the first image, for which nothing was
            read ahead.
        """
        self._stopwatch.add("idle", time.perf_counter() - self._idle_since)
        with self._stopwatch("other"):
            described, failed = self._describe_shards([ShardPlan(**row) for row in batch.to_pylist()])
        seconds = self._stopwatch.take()
        timed, self._image_seconds = Durations.of(self._image_seconds[1:]), []
        self._metrics.add_seconds(seconds)
        self._batches += 1
        self._idle_since = time.perf_counter()
        counts: dict[str, float] = {"described": described, "failed": failed, "workers": int(self._batches == 1)}
        counts |= {"timed": timed.count, "timed_seconds": timed.seconds, "timed_squares": timed.squares}
        return pa.Table.from_pylist([counts | {stage: seconds.get(stage, 0.0) for stage in STAGES}])

    def _describe_shards(self, plans: Sequence[ShardPlan]) -> tuple[int, int]:
        """Describe and commit shards; return how many of their images were described and how many failed."""
        tasks = list(prefetch(self._start, plans, threads=_STARTED_AT_ONCE, depth=_STARTED_AT_ONCE))
        if all(task.attempt == 1 for task in tasks):
            streams: Iterable[Iterator[Description | Failure]] = repeat(self._describe_ahead(tasks), len(tasks))
        else:
            streams = map(self._describe_one_by_one, tasks)
        results = map(self._collect, tasks, streams)
        commits = prefetch(
            lambda finished: self._commit(*finished),
            zip(tasks, results, strict=True),
            threads=1,
            depth=1 if self._job.pool.gpus else 0,
        )
        counts = list(self._stopwatch.timed("commit", commits))
        return sum(described for described, _ in counts), sum(failed for _, failed in counts)

    def _start(self, plan: ShardPlan) -> ShardTask:
        attempt, deaths = ray.get(self._tracker.start.remote(plan.shard))
        return ShardTask.load(plan, self._job.planned, self._job.folder, attempt, deaths, self._access)

    def _describe_ahead(self, tasks: Sequence[ShardTask]) -> Iterator[Description | Failure]:
        """Describe the images of several shards, while the next images are fetched and decoded."""
        images = [image for task in tasks for image in task.images]
        return self._describer.stream(self._contents(uri for _, uri, _ in images), (box for _, _, box in images))

    def _describe_one_by_one(self, task: ShardTask) -> Iterator[Description | Failure]:
        """Describe the images of a shard one at a time; skip those that have killed too many workers."""
        for image, uri, box in task.images:
            if task.deaths.get(image, 0) >= _MAX_DEATHS:
                yield Failure("describe", f"{DEADLY} {_MAX_DEATHS + 1} times, or was stuck")
                continue
            ray.get(self._tracker.isolate.remote(task.plan.shard, image))
            yield from self._describer(list(self._contents([uri])), [box])

    def _contents(self, uris: Iterable[str]) -> Iterator[bytes | Exception]:
        contents = self._metrics.count_bytes(self._fetch(uris))
        return self._watchdog.fetching(self._stopwatch.timed("fetch", contents))

    def _collect(self, task: ShardTask, results: Iterator[Description | Failure]) -> list[Description | Failure]:
        """Take the results of one shard from an iterator, and report progress about once a second."""
        collected: list[Description | Failure] = []
        reported = time.monotonic()
        for _ in range(task.due.num_rows):
            started = time.perf_counter()
            collected.append(self._next(results))
            self._image_seconds.append(time.perf_counter() - started)
            if time.monotonic() - reported > _REPORT_SECONDS:
                self._tracker.update.remote(task.plan.shard, *_count(collected))
                reported = time.monotonic()
        return collected

    def _next(self, results: Iterator[Description | Failure]) -> Description | Failure:
        with self._watchdog.describing():
            result = next(results)
        self._images += 1
        if self._images % self._trim_interval == 0:
            malloc.trim()
        return result

    def _commit(self, task: ShardTask, results: Sequence[Description | Failure]) -> tuple[int, int]:
        """Write one shard; return how many of its images were described and how many failed."""
        if task.kept is None or results:
            task.require_planned(self._job.planned)
            rows = task.rows(results, self._schema)
            shards.write(self._job.folder, rows, task.plan.shard, task.plan.generation)
        described, failed = _count(results)
        self._metrics.count_images(schema.OK, described)
        self._metrics.count_images(schema.FAILED, failed)
        self._tracker.finish.remote(task.plan.shard, described, failed)
        return described, failed


def _count(results: Sequence[Description | Failure]) -> tuple[int, int]:
    failed = sum(isinstance(result, Failure) for result in results)
    return len(results) - failed, failed
