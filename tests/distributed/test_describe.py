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
from osrmac.distributed.work_tracker import open_ledger
from osrmac.errors import StorageError
from osrmac.runs.identity import identify
from osrmac.storage import manifest, shards
from osrmac.storage.listing import listing
from osrmac.storage.manifest import Unit

ON_CPU = Pool(1, 1, "cpu", 1, 0.75, 0.0)
BESIDE_A_GPU = Pool(1, 1, "cpu", 1, 0.75, 1.0)
"""As far as it matters here; it still computes on the CPU."""


@pytest.fixture
def units(photos: Path, tmp_path: Path) -> list[Unit]:
    folder = str(tmp_path / "manifest")
    manifest.update(folder, listing(str(photos)), lambda _images: 10)
    return manifest.units(folder)


def process(tmp_path: Path, small: DescriptorConfig, pool: Pool) -> describe._DescribingActor:
    identity, weights = identify(small)
    state = ray.put(dict(weights.state))
    folder = str(tmp_path / "descriptors")
    return describe._DescribingActor(folder, identity, state, pool, ComputeConfig(), FailureConfig(), open_ledger())


def test_beside_a_gpu_a_shard_is_committed_while_the_next_one_is_described(
    units: list[Unit], tmp_path: Path, small: DescriptorConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = threading.Event()
    write, begun = shards.write, []

    def slow_write(folder: str, rows: pa.Table, name: str, generation: int = 0) -> None:
        if name == units[0].shard:
            assert ahead.wait(20), "the second shard was not described meanwhile"
        write(folder, rows, name, generation)

    actor = process(tmp_path, small, BESIDE_A_GPU)
    found = actor._found

    def noted(work: describe._Work, results: object) -> object:
        begun.append(work.unit.shard)
        described = found(work, results)  # type: ignore[arg-type]
        if len(begun) == 2:
            ahead.set()
        return described

    monkeypatch.setattr(actor, "_found", noted)
    monkeypatch.setattr(shards, "write", slow_write)
    (counts,) = actor(pa.Table.from_pylist([asdict(unit) for unit in units])).to_pylist()
    assert (counts["described"], counts["failed"]) == (26, 3)
    assert begun == [unit.shard for unit in units]
    assert manifest.pending(units, str(tmp_path / "descriptors")) == []


def test_on_a_cpu_no_shard_is_begun_before_the_last_one_is_committed(
    units: list[Unit], tmp_path: Path, small: DescriptorConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = process(tmp_path, small, ON_CPU)
    found, left = actor._found, []

    def noted(work: describe._Work, results: object) -> object:
        left.append(len(manifest.pending(units, str(tmp_path / "descriptors"))))
        return found(work, results)  # type: ignore[arg-type]

    monkeypatch.setattr(actor, "_found", noted)
    actor(pa.Table.from_pylist([asdict(unit) for unit in units]))
    assert left == [3, 2, 1]


def test_a_shard_that_cannot_be_written_stops_the_process(
    units: list[Unit], tmp_path: Path, small: DescriptorConfig
) -> None:
    (tmp_path / "descriptors").write_text("in the way")
    for pool in (ON_CPU, BESIDE_A_GPU):
        with pytest.raises(StorageError, match=r"cannot write .*descriptors"):
            process(tmp_path, small, pool)(pa.Table.from_pylist([asdict(unit) for unit in units]))


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
    assert describe._units_a_call([Unit("part", 0, "shard", rows, 0)] * shards_left, pool) == together
