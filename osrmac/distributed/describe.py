"""From the plan to shards: each describing process fetches the images of a shard, describes them and commits it."""

from __future__ import annotations

import faulthandler
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray
import ray.data
import torch
from numpy.typing import NDArray
from ray.data import ActorPoolStrategy

from osrmac.config import ComputeConfig, FailureConfig
from osrmac.descriptor.describer import Describer, Description, Failure
from osrmac.descriptor.models import backbones
from osrmac.descriptor.models.weights import Weights
from osrmac.descriptor.optimize import malloc
from osrmac.distributed.cluster import Pool, connect, root_cause, size_pool
from osrmac.distributed.metrics import Meter
from osrmac.distributed.progress import show_progress
from osrmac.distributed.work_tracker import WorkTrackerHandle, start_work_tracker
from osrmac.errors import FailureRateError
from osrmac.prefetch import prefetch
from osrmac.runs.failures import DEADLY
from osrmac.storage import filesystem, manifest, schema, shards
from osrmac.storage.fetch import Fetcher
from osrmac.storage.manifest import ShardPlan
from osrmac.storage.run import Identity

__all__ = ["STAGES", "Described", "describe"]

_DEATHS = 2
"""Processes that may die with an image alone in hand, after one with several, before it has failed."""

_IMAGES_ON_CPU, _IMAGES_ON_GPU = 16, 256
"""Images that an actor is given at once, if their shards are smaller."""

_SHARDS_ON_GPU = 4
"""That an actor is given at once, however large: each is committed while the next one is described."""

_CALLS_AN_ACTOR = 8
_FOR_EVER = -1
_JUDGED_AFTER = 100
_PROGRESS_SECONDS = 1.0

STAGES = ("start", "idle", "fetch", "decode", "network", "commit", "other")
"""What a describing process does, or waits for. It fetches and decodes ahead, and beside a GPU commits behind: of these
only the wait for them counts."""


@dataclass(frozen=True)
class Described:
    """What came of the describing.

    Attributes:
        rows: Committed, with descriptors or the reason why not.
        processes: How many described.
        seconds: Of all of them together, by stage.
    """

    rows: int
    processes: int
    seconds: dict[str, float]


def describe(
    planned: str,
    folder: str,
    identity: Identity,
    weights: Weights,
    compute: ComputeConfig,
    failures: FailureConfig = FailureConfig(),
) -> Described:
    """Commit every planned shard that is not committed yet.

    Args:
        planned: Folder of a manifest.
        folder: Where the shards belong.
        identity: What is to be computed.
        weights: Of the backbone.
        compute: How the work is spread.
        failures: What is done about images that fail.

    Returns:
        How many rows were made by this call, and what its processes did meanwhile.

    Raises:
        ConfigError: The actors do not fit into the cluster.
        FailureRateError: Too many images failed.
        StorageError: A shard cannot be written.
    """
    left = manifest.pending(manifest.shard_plans(planned), folder)
    if not left:
        return Described(0, 0, {})
    filesystem.remove_traces(folder)
    connect(compute)
    pool = size_pool(compute)
    tracker = start_work_tracker()
    shard_plans = _shards_a_call(left, pool)
    calls = -(-len(left) // shard_plans)
    work = ray.data.from_items([asdict(plan) for plan in left], override_num_blocks=calls)
    # Waiting for a node is no failure, and a process that is stuck is ended by --image-timeout.
    work.context.execution_no_progress_timeout_s = _FOR_EVER
    done = work.map_batches(
        _DescribingWorker,
        fn_constructor_args=(folder, identity, ray.put(dict(weights.state)), pool, compute, failures, tracker),
        compute=ActorPoolStrategy(
            min_size=min(pool.fewest, calls),
            max_size=min(pool.most, calls),
            enable_true_multi_threading=True,  # one call at a time all the same, but in the main thread: see memory
        ),
        batch_size=shard_plans,
        batch_format="pyarrow",
        num_cpus=pool.cpus,
        num_gpus=pool.gpus,
    )
    rows = sum(plan.rows for plan in left)
    with show_progress(tracker, rows), root_cause():
        return _follow(done, failures.max_failure_rate, rows)


def _shards_a_call(left: Sequence[ShardPlan], pool: Pool) -> int:
    """Units that an actor takes at once: enough images to fetch and decode ahead, few enough to share them out."""
    images = -(-sum(plan.rows for plan in left) // len(left))
    shared = -(-len(left) // (_CALLS_AN_ACTOR * pool.most))
    wanted = max(_SHARDS_ON_GPU, _IMAGES_ON_GPU // images) if pool.gpus else _IMAGES_ON_CPU // images
    return max(1, min(wanted, shared))


def _follow(done: ray.data.Dataset, most: float, rows: int) -> Described:
    """Drive the work, and stop it when too much of it fails."""
    sums: Counter[str] = Counter()
    for batch in done.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        sums.update({name: pc.sum(batch[name]).as_py() for name in batch.column_names})
        described, failed = sums["described"], sums["failed"]
        judged = described + failed >= min(_JUDGED_AFTER, rows)
        if judged and failed > most * (described + failed):
            raise FailureRateError(
                f"{failed} of {described + failed} images failed, more than --max-failure-rate {most:g} allows: see "
                "the column error of the rows, mend the cause, and run the same command with --retry-failed"
            )
    return Described(sums["described"] + sums["failed"], sums["processes"], {stage: sums[stage] for stage in STAGES})


@dataclass(frozen=True)
class _Work:
    """A unit in hand: what is due of it, what is committed and stays, and what happened to those who tried."""

    plan: ShardPlan
    due: pa.Table
    kept: pa.Table | None
    attempt: int
    deaths: Mapping[str, int]

    @property
    def boxes(self) -> list[Any]:
        """For each due image the part to describe, or None."""
        listed: list[Any] = self.due["box"].to_pylist() if "box" in self.due.column_names else []
        return listed or [None] * self.due.num_rows


class _DescribingWorker:
    """Holds one backbone, built from a state dict in the object store, and turns units of the plan into shards."""

    def __init__(
        self,
        folder: str,
        identity: Identity,
        state: Any,
        pool: Pool,
        compute: ComputeConfig,
        failures: FailureConfig,
        tracker: WorkTrackerHandle,
    ) -> None:
        started = time.perf_counter()
        malloc.keep()
        torch.set_num_threads(pool.threads)
        config = identity.descriptor
        backbone = backbones.build(config.backbone, config.layers, ray.get(state))
        self._describer = Describer(backbone, config, pool.device, compiled=compute.compile)
        self._fetch = Fetcher(compute.concurrent_reads, failures.attempts, failures.fetch_timeout)
        self._image_timeout = failures.image_timeout
        self._folder = folder
        self._schema = schema.descriptors(identity.dimensions, identity.fingerprint, identity.regional)
        self._tracker = tracker
        self._uncommitted = 1 if pool.gpus else 0
        self._seen = 0
        self._meter = Meter()
        self._stopwatch = self._describer.stopwatch
        self._processes = 1
        self._ended = time.perf_counter()
        self._stopwatch.add("start", self._ended - started)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Commit the shards of some units; what came of it, in one row."""
        self._stopwatch.add("idle", time.perf_counter() - self._ended)
        with self._stopwatch("other"):
            described, failed = self._commit([ShardPlan(**row) for row in batch.to_pylist()])
        spent = self._stopwatch.take()
        self._meter.seconds(spent)
        processes, self._processes = self._processes, 0  # counts once
        self._ended = time.perf_counter()
        counts = {"described": described, "failed": failed, "processes": processes}
        return pa.Table.from_pylist([counts | {stage: spent.get(stage, 0.0) for stage in STAGES}])

    def _commit(self, shard_plans: Sequence[ShardPlan]) -> tuple[int, int]:
        """How many images of some units are described now, and how many failed."""
        works = [self._begin(plan) for plan in shard_plans]
        swift = self._swiftly(works) if all(work.attempt == 1 for work in works) else None
        found = ((work, self._found(work, self._singly(work) if swift is None else swift)) for work in works)
        commits = prefetch(lambda of_unit: self._finish(*of_unit), found, threads=1, depth=self._uncommitted)
        counts = list(self._stopwatch.timed("commit", commits))
        return sum(described for described, _ in counts), sum(failed for _, failed in counts)

    def _begin(self, plan: ShardPlan) -> _Work:
        attempt, deaths = ray.get(self._tracker.begin.remote(plan.shard))
        planned = manifest.read(plan)
        kept = self._kept(plan, planned)
        due = planned if kept is None else planned.filter(pc.invert(_among(planned["id"], kept["id"])))
        return _Work(plan, due, kept, attempt, deaths)

    def _finish(self, work: _Work, found: Sequence[Description | Failure]) -> tuple[int, int]:
        """Commit the shard of a unit; how many of its images are described, and how many failed."""
        if work.kept is None or found:
            rows = _rows(work.due, found, self._schema)
            whole = rows if work.kept is None else pa.concat_tables([work.kept.cast(self._schema), rows])
            shards.write(self._folder, whole, work.plan.shard, work.plan.generation)
        failed = sum(isinstance(result, Failure) for result in found)
        self._meter.images(schema.OK, len(found) - failed)
        self._meter.images(schema.FAILED, failed)
        self._tracker.finish.remote(work.plan.shard, len(found) - failed, failed)
        return len(found) - failed, failed

    def _kept(self, plan: ShardPlan, planned: pa.Table) -> pa.Table | None:
        """The rows of a committed shard that fulfil the plan, or None if nothing is committed."""
        url = filesystem.join(self._folder, plan.shard)
        if not filesystem.exists(url):
            return None
        fulfilled = planned.filter(pc.field("generation") <= shards.generation(url))
        rows = shards.read(url)
        return rows.filter(_among(rows["id"], fulfilled["id"]))

    def _swiftly(self, works: Sequence[_Work]) -> Iterator[Description | Failure]:
        """Describe the images of several units, one after the other, while the next ones are fetched and decoded."""
        uris = (uri for work in works for uri in work.due["uri"].to_pylist())
        boxes = (box for work in works for box in work.boxes)
        return self._describer.stream(self._contents(uris), boxes)

    def _singly(self, work: _Work) -> Iterator[Description | Failure]:
        """The same with one image in hand at a time, as a process has died: what kills the next one is then known."""
        for image, uri, box in zip(work.due["id"].to_pylist(), work.due["uri"].to_pylist(), work.boxes, strict=True):
            if work.deaths.get(image, 0) >= _DEATHS:
                yield Failure("describe", f"{DEADLY} {_DEATHS + 1} times, or was stuck")
                continue
            ray.get(self._tracker.hold.remote(work.plan.shard, image))
            yield from self._describer(list(self._contents([uri])), [box])

    def _contents(self, uris: Iterable[str]) -> Iterator[bytes | Exception]:
        return self._stopwatch.timed("fetch", self._meter.counted(self._fetch(uris)))

    def _found(self, work: _Work, results: Iterator[Description | Failure]) -> list[Description | Failure]:
        """Those of a unit; the ledger is told now and then, and this process ends if one image takes too long."""
        found = []
        counts = [0, 0]
        told = time.monotonic()
        for _ in range(work.due.num_rows):
            faulthandler.dump_traceback_later(self._image_timeout, exit=True)
            result = next(results)
            faulthandler.cancel_dump_traceback_later()
            counts[isinstance(result, Failure)] += 1
            self._seen += 1
            if self._seen % malloc.KEPT_FOR == 0:
                malloc.give_back()
            if time.monotonic() - told > _PROGRESS_SECONDS:
                self._tracker.progress.remote(work.plan.shard, *counts)
                told = time.monotonic()
            found.append(result)
        return found


def _among(ids: pa.ChunkedArray, others: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.is_in(ids, value_set=others.combine_chunks())


def _rows(due: pa.Table, results: Iterable[Description | Failure], rows: pa.Schema) -> pa.Table:
    found = [
        {"status": schema.OK, "width": result.width, "height": result.height, **_listed(result.vectors)}
        if isinstance(result, Description)
        else {"status": schema.FAILED, "error_stage": result.stage, "error": result.reason}
        for result in results
    ]
    made = [field for field in rows if field.name not in {"id", "uri"}]
    columns = {field.name: pa.array([row.get(field.name) for row in found], field.type) for field in made}
    return pa.table({"id": due["id"], "uri": due["uri"], **columns}, schema=rows)


def _listed(vectors: Mapping[str, NDArray[np.float32]]) -> dict[str, Any]:
    """The same as Arrow takes them: a matrix, of regions, as a list of its rows."""
    return {recipe: list(found) if found.ndim == 2 else found for recipe, found in vectors.items()}
