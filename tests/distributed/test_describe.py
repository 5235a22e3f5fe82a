"""What a describing process does with its units, in this process."""

import threading
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pytest
import ray

from osrmac.config import ComputeConfig, DescriptorConfig, FailureConfig
from osrmac.distributed import describe
from osrmac.distributed.cluster import Pool
from osrmac.distributed.work_tracker import start_work_tracker
from osrmac.errors import StorageError
from osrmac.runs.identity import identify
from osrmac.storage import manifest, shards
from osrmac.storage.listing import listing
from osrmac.storage.location import Location
from osrmac.storage.manifest import ShardPlan

ON_CPU = Pool(1, 1, "cpu", 1, 0.75, 0.0)
BESIDE_A_GPU = Pool(1, 1, "cpu", 1, 0.75, 1.0)
"""As far as it matters here; it still computes on the CPU."""


@pytest.fixture
def shard_plans(photos: Path, tmp_path: Path) -> list[ShardPlan]:
    folder = Location.of(tmp_path / "manifest")
    manifest.update(folder, listing(Location.of(photos)), lambda _images: 10)
    return manifest.shard_plans(folder)


def process(tmp_path: Path, small: DescriptorConfig, pool: Pool) -> describe._DescribingWorker:
    identity, weights = identify(small)
    state = ray.put(dict(weights.state))
    planned, folder = Location.of(tmp_path / "manifest"), Location.of(tmp_path / "descriptors")
    return describe._DescribingWorker(
        planned, folder, identity, state, pool, ComputeConfig(), FailureConfig(), start_work_tracker()
    )


def test_beside_a_gpu_a_shard_is_committed_while_the_next_one_is_described(
    shard_plans: list[ShardPlan], tmp_path: Path, small: DescriptorConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefetch = threading.Event()
    write, begun = shards.write, []

    def slow_write(folder: Location, rows: pa.Table, name: str, generation: int = 0) -> None:
        if name == shard_plans[0].shard:
            assert prefetch.wait(20), "the second shard was not described meanwhile"
        write(folder, rows, name, generation)

    worker = process(tmp_path, small, BESIDE_A_GPU)
    found = worker._found

    def noted(work: describe._Work, results: object) -> object:
        begun.append(work.plan.shard)
        described = found(work, results)  # type: ignore[arg-type]
        if len(begun) == 2:
            prefetch.set()
        return described

    monkeypatch.setattr(worker, "_found", noted)
    monkeypatch.setattr(shards, "write", slow_write)
    (counts,) = worker(pa.Table.from_pylist([asdict(plan) for plan in shard_plans])).to_pylist()
    assert (counts["described"], counts["failed"]) == (26, 3)
    assert begun == [plan.shard for plan in shard_plans]
    assert manifest.pending(shard_plans, Location.of(tmp_path / "descriptors")) == []


def test_on_a_cpu_no_shard_is_begun_before_the_last_one_is_committed(
    shard_plans: list[ShardPlan], tmp_path: Path, small: DescriptorConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = process(tmp_path, small, ON_CPU)
    found, left = worker._found, []

    def noted(work: describe._Work, results: object) -> object:
        left.append(len(manifest.pending(shard_plans, Location.of(tmp_path / "descriptors"))))
        return found(work, results)  # type: ignore[arg-type]

    monkeypatch.setattr(worker, "_found", noted)
    worker(pa.Table.from_pylist([asdict(plan) for plan in shard_plans]))
    assert left == [3, 2, 1]


def test_a_shard_that_cannot_be_written_stops_the_process(
    shard_plans: list[ShardPlan], tmp_path: Path, small: DescriptorConfig
) -> None:
    (tmp_path / "descriptors").write_text("in the way")
    for pool in (ON_CPU, BESIDE_A_GPU):
        with pytest.raises(StorageError, match=r"cannot write .*descriptors"):
            process(tmp_path, small, pool)(pa.Table.from_pylist([asdict(plan) for plan in shard_plans]))


@pytest.mark.parametrize(
    ("shards_left", "rows", "pool", "together"),
    [
        (1000, 1, ON_CPU, 16),
        (1000, 100, ON_CPU, 1),
        (1000, 1, BESIDE_A_GPU, 125),
        (96_000, 10_000, BESIDE_A_GPU, 4),
        (8, 10_000, BESIDE_A_GPU, 1),
    ],
)
def test_how_many_shards_a_process_is_given(shards_left: int, rows: int, pool: Pool, together: int) -> None:
    assert describe._shards_a_call([ShardPlan("part", 0, "shard", rows, 0)] * shards_left, pool) == together
