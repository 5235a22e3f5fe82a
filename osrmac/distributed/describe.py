"""Describe the images of a manifest: plan, batches of shards, a pool of workers, and the driver that follows them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import pyarrow as pa
import pyarrow.compute as pc
import ray
import ray.data
from ray.data import ActorPoolStrategy

from osrmac.config import ComputeConfig, FailureConfig
from osrmac.descriptor.models.weights import Weights
from osrmac.descriptor.recipes import RECIPES
from osrmac.distributed.cluster.connect import connect
from osrmac.distributed.monitoring.progress import show_progress
from osrmac.distributed.tasks import released_on_error, root_cause
from osrmac.distributed.work_tracker import WorkTrackerHandle, start_work_tracker
from osrmac.distributed.worker import STAGES, DescribeJob, DescribeWorker
from osrmac.distributed.worker_pool import WorkerPool, size_worker_pool
from osrmac.errors import FailureRateError
from osrmac.stopwatch import Durations
from osrmac.storage import manifest
from osrmac.storage.location import Location
from osrmac.storage.manifest import ShardPlan
from osrmac.storage.reading.access import AccessUrls
from osrmac.storage.run import Identity

__all__ = ["DescribeResult", "describe"]

_CPU_BATCH_IMAGES, _GPU_BATCH_IMAGES = 16, 4096
"""Images per batch of small shards. A worker fetches and decodes ahead within a batch. At its start and its end nothing
can be computed for some tenths of a second, which is long beside a GPU."""

_GPU_BATCH_SHARDS = 4
"""Least number of shards per batch beside a GPU: each is committed while the next one is described."""

_BATCHES_PER_WORKER = 8
"""Least number of batches per worker, where there are several, so that all of them finish at about the same time."""

_MIN_JUDGED = 100
"""Images after which the failure rate is checked."""

_NO_TIMEOUT = -1


@dataclass(frozen=True)
class DescribeResult:
    """Outcome of one call of `describe`.

    Attributes:
        rows: Rows committed, of described and of failed images.
        workers: Workers that described at least one batch.
        seconds: Time of all workers together by stage, in the order of `osrmac.distributed.worker.STAGES`.
        images: Time that a worker takes for an image, without committing it, of all images but the first of a batch.
    """

    rows: int
    workers: int
    seconds: dict[str, float]
    images: Durations

    def __add__(self, later: DescribeResult) -> DescribeResult:
        """Return the outcome of two calls, one after the other."""
        seconds = Counter(self.seconds)
        seconds.update(later.seconds)
        workers = max(self.workers, later.workers)
        return DescribeResult(self.rows + later.rows, workers, dict(seconds), self.images + later.images)


@released_on_error()
def describe(
    planned: Location,
    folder: Location,
    identity: Identity,
    weights: Weights,
    compute: ComputeConfig,
    failures: FailureConfig = FailureConfig(),
    access: AccessUrls | None = None,
    damaged: Collection[str] = (),
) -> DescribeResult:
    """Describe and commit every shard of a manifest that is not committed yet.

    Args:
        planned: Folder of the manifest.
        folder: Folder that the shards are written to.
        identity: What the descriptors are.
        weights: Weights of the backbone.
        compute: The cluster, and the workers on it.
        failures: Retries, limits, timeouts and the failure rate that is accepted.
        access: URLs with credentials of images whose planned URIs lack them.
        damaged: Names of committed shards to describe again.

    Raises:
        ConfigError: The workers do not fit into the cluster.
        FailureRateError: Too many images failed.
        StorageError: A shard cannot be written.
    """
    planned.remove_unfinished()
    folder.remove_unfinished()
    every = manifest.shard_plans(planned)
    remade = [plan for plan in every if plan.shard in damaged]
    plans = list(dict.fromkeys([*manifest.pending(every, folder), *remade]))
    if not plans:
        return DescribeResult(0, 0, {}, Durations())
    connect(compute)
    pool = size_worker_pool(compute)
    tracker = start_work_tracker()
    state = ray.put(dict(weights.state))
    recipes = {name: RECIPES[name] for name in identity.descriptor.recipes}
    urls = None if access is None else ray.put(access)
    job = DescribeJob(planned, folder, identity, state, recipes, pool, compute, failures, urls)
    batches = _describe_batches(plans, job, tracker)
    images = sum(plan.rows for plan in plans)
    with show_progress(tracker, images), _ray_data_logging(compute.log_ray), root_cause():
        return _follow(batches, failures.max_failure_rate, images)


def _describe_batches(plans: Sequence[ShardPlan], job: DescribeJob, tracker: WorkTrackerHandle) -> ray.data.Dataset:
    """Return a lazy dataset with one row of counts for each batch of shards: see `DescribeWorker`."""
    pool = job.pool
    shards_per_batch = _shards_per_batch(plans, pool)
    batches = -(-len(plans) // shards_per_batch)
    dataset = ray.data.from_items([asdict(plan) for plan in plans], override_num_blocks=batches)
    _configure(dataset.context, log_ray=job.compute.log_ray)
    return dataset.map_batches(
        DescribeWorker,
        fn_constructor_args=(job, tracker),
        compute=ActorPoolStrategy(
            min_size=min(pool.min_workers, batches),
            max_size=min(pool.max_workers, batches),
            enable_true_multi_threading=True,  # runs batches, one by one, in the main thread: see optimize/malloc
        ),
        batch_size=shards_per_batch,
        batch_format="pyarrow",
        num_cpus=pool.cpus,
        num_gpus=pool.gpus,
    )


def _shards_per_batch(plans: Sequence[ShardPlan], pool: WorkerPool) -> int:
    """Return a number of shards with enough images to prefetch, yet few enough to spread evenly over the workers."""
    images_per_shard = -(-sum(plan.rows for plan in plans) // len(plans))
    if pool.gpus:
        wanted = max(_GPU_BATCH_SHARDS, _GPU_BATCH_IMAGES // images_per_shard)
    else:
        wanted = _CPU_BATCH_IMAGES // images_per_shard
    batches = 1 if pool.max_workers == 1 else _BATCHES_PER_WORKER * pool.max_workers
    return max(1, min(wanted, -(-len(plans) // batches)))


def _configure(context: ray.data.DataContext, *, log_ray: bool) -> None:
    """Set the options of one dataset; its context is a copy, so that those of a host program stay as they are."""
    context.raise_original_map_exception = True  # by default, only the text of a worker's error reaches the driver
    context.enable_progress_bars = log_ray
    context.print_on_execution_start = log_ray
    # Waiting for a node is no failure, and --image-timeout ends a worker that is stuck.
    context.execution_no_progress_timeout_s = _NO_TIMEOUT


@contextmanager
def _ray_data_logging(enabled: bool) -> Iterator[None]:
    """Silence the log of Ray Data unless enabled; the errors that it logs are raised, too."""
    logger = logging.getLogger("ray.data")
    level = logger.level
    if not enabled:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _follow(batches: ray.data.Dataset, max_failure_rate: float, images: int) -> DescribeResult:
    """Execute the dataset and add up its counts; raise FailureRateError as soon as too many images have failed."""
    sums: Counter[str] = Counter()
    counts: pa.Table
    for counts in batches.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        sums.update({name: pc.sum(counts[name]).as_py() for name in counts.column_names})
        failed, finished = sums["failed"], sums["described"] + sums["failed"]
        if finished >= min(_MIN_JUDGED, images) and failed > max_failure_rate * finished:
            raise FailureRateError(
                f"{failed} of {finished} images failed, more than --max-failure-rate {max_failure_rate:g} allows: see "
                "the column error of the rows, fix the cause, and run the same command with --retry-failed"
            )
    timed = Durations(sums["timed"], sums["timed_seconds"], sums["timed_squares"])
    seconds: dict[str, float] = {stage: sums[stage] for stage in STAGES}
    return DescribeResult(sums["described"] + sums["failed"], sums["workers"], seconds, timed)
