"""The worker, run in this process rather than as an actor."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import ray

from osrmac.config import ComputeConfig, DescriptorConfig, FailureConfig
from osrmac.descriptor.describer import Describer
from osrmac.descriptor.recipes import RECIPES
from osrmac.distributed.shard_task import ShardTask
from osrmac.distributed.work_tracker import WorkTrackerHandle, start_work_tracker
from osrmac.distributed.worker import STAGES, DescribeJob, DescribeWorker
from osrmac.distributed.worker_pool import WorkerPool
from osrmac.errors import StorageError
from osrmac.runs.failures import DEADLY
from osrmac.runs.identity import identify
from osrmac.storage import manifest, shards
from osrmac.storage.listing.collection import listing
from osrmac.storage.location import Location
from osrmac.storage.manifest import ShardPlan
from tests.committed import rows

ON_CPU = WorkerPool(1, 1, "cpu", 1, 0.75, 0.0)
BESIDE_A_GPU = WorkerPool(1, 1, "cpu", 1, 0.75, 1.0)
"""A pool that claims a GPU but computes on the CPU; the claim alone decides how shards are committed."""


@pytest.fixture
def planned(photos: Path, tmp_path: Path) -> Location:
    """Manifest of three shards of up to ten images."""
    folder = Location.of(tmp_path / "manifest")
    manifest.update(folder, folder / "shards", listing(Location.of(photos)), manifest.shards_of(10))
    return folder


@pytest.fixture
def plans(planned: Location) -> list[ShardPlan]:
    return manifest.shard_plans(planned)


@pytest.fixture
def descriptors(tmp_path: Path) -> Location:
    return Location.of(tmp_path / "descriptors")


@pytest.fixture
def tracker() -> WorkTrackerHandle:
    return start_work_tracker()


MakeWorker = Callable[[WorkerPool], DescribeWorker]


@pytest.fixture
def make_worker(
    planned: Location, descriptors: Location, small: DescriptorConfig, tracker: WorkTrackerHandle
) -> MakeWorker:
    identity, weights = identify(small)
    state = ray.put(dict(weights.state))
    recipes = {name: RECIPES[name] for name in small.recipes}

    def make(pool: WorkerPool) -> DescribeWorker:
        job = DescribeJob(planned, descriptors, identity, state, recipes, pool, ComputeConfig(), FailureConfig())
        return DescribeWorker(job, tracker)

    return make


def describe(worker: DescribeWorker, plans: list[ShardPlan]) -> dict[str, Any]:
    """The counts that the worker returns for a batch."""
    (counts,) = worker(pa.Table.from_pylist([asdict(plan) for plan in plans])).to_pylist()
    return dict(counts)


def test_a_worker_uses_its_share_of_a_gpu(make_worker: MakeWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[float] = []

    def record(*arguments: Any, gpu_share: float, **options: Any) -> Describer:
        shares.append(gpu_share)
        return Describer(*arguments, gpu_share=gpu_share, **options)

    monkeypatch.setattr("osrmac.distributed.worker.Describer", record)
    make_worker(replace(ON_CPU, gpus=0.5))
    make_worker(ON_CPU)

    assert shares == [0.5, 1.0]


def test_a_batch_is_counted_and_timed(
    plans: list[ShardPlan], make_worker: MakeWorker, tracker: WorkTrackerHandle
) -> None:
    worker = make_worker(ON_CPU)
    first, second = describe(worker, plans[:1]), describe(worker, plans[1:])
    assert (first["workers"], second["workers"]) == (1, 0)
    assert (first["described"] + second["described"], first["failed"] + second["failed"]) == (26, 3)
    assert ray.get(tracker.counts.remote()) == (26, 3)
    assert set(first) == {"described", "failed", "workers", *STAGES, "timed", "timed_seconds", "timed_squares"}
    assert first["timed"] + second["timed"] == 27  # all but the first image of each batch
    assert 0 < first["timed_seconds"] < sum(first[stage] for stage in STAGES) - first["start"]
    assert first["start"] > 0
    assert second["start"] == 0


def test_beside_a_gpu_a_shard_is_committed_while_the_next_one_is_described(
    plans: list[ShardPlan], descriptors: Location, make_worker: MakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_described = threading.Event()
    write, started = shards.write, []

    def write_late(folder: Location, rows: pa.Table, name: str, generation: int = 0) -> None:
        if name == plans[0].shard:
            assert second_described.wait(20), "the second shard was not described meanwhile"
        write(folder, rows, name, generation)

    worker = make_worker(BESIDE_A_GPU)
    collect = worker._collect

    def record(task: ShardTask, results: Iterator[Any]) -> list[Any]:
        started.append(task.plan.shard)
        collected = collect(task, results)
        if len(started) == 2:
            second_described.set()
        return collected

    monkeypatch.setattr(worker, "_collect", record)
    monkeypatch.setattr(shards, "write", write_late)
    counts = describe(worker, plans)
    assert (counts["described"], counts["failed"]) == (26, 3)
    assert started == [plan.shard for plan in plans]
    assert manifest.pending(plans, descriptors) == []


def test_on_a_cpu_each_shard_is_committed_before_the_next_one_is_started(
    plans: list[ShardPlan], descriptors: Location, make_worker: MakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = make_worker(ON_CPU)
    collect, pending = worker._collect, []

    def record(task: ShardTask, results: Iterator[Any]) -> list[Any]:
        pending.append(len(manifest.pending(plans, descriptors)))
        return collect(task, results)

    monkeypatch.setattr(worker, "_collect", record)
    describe(worker, plans)
    assert pending == [3, 2, 1]


@pytest.mark.parametrize("pool", [ON_CPU, BESIDE_A_GPU])
def test_a_shard_that_cannot_be_written_stops_the_worker(
    plans: list[ShardPlan], descriptors: Location, make_worker: MakeWorker, pool: WorkerPool
) -> None:
    Path(descriptors).write_text("a file where the folder should be")
    with pytest.raises(StorageError, match=r"cannot write .*descriptors"):
        describe(make_worker(pool), plans)


def test_an_image_that_has_killed_two_workers_alone_becomes_a_failed_row(
    planned: Location,
    plans: list[ShardPlan],
    descriptors: Location,
    make_worker: MakeWorker,
    tracker: WorkTrackerHandle,
) -> None:
    shard = plans[0].shard
    image = manifest.read(planned, plans[0])["id"][0].as_py()
    for _ in range(2):
        ray.get(tracker.start.remote(shard))
        ray.get(tracker.isolate.remote(shard, image))
    describe(make_worker(ON_CPU), plans[:1])
    committed = rows(descriptors)
    assert committed[image]["status"] == "failed"
    assert committed[image]["error"].startswith(f"{DEADLY} 3 times")
    assert sum(row["status"] == "ok" for row in committed.values()) >= 6
