from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from osrmac.storage import manifest, shards
from osrmac.storage.pruning.rows import Copies, remove_late_shards, remove_rows
from osrmac.storage.run import Run
from tests.own_columns import give_columns
from tests.tiny_run import tiny_run

PART = "part-00000.parquet"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run of four images in one shard, which was written under generation 3."""
    unit = np.eye(4, dtype=np.float32)
    run = tiny_run(tmp_path, {"osrmac": dict(zip("abcd", unit, strict=True))}, rows_per_shard=4)
    (shard,) = shards.paths(run.descriptors)
    shards.replace(shard, shards.read(shard), 3)
    return run


def remove(run: Run, *ids: str, copies: Copies | None = None) -> None:
    remove_rows(run.manifest, PART, run.descriptors, pa.array(ids, pa.string()), copies)


def pending(run: Run) -> bool:
    return bool(manifest.pending(manifest.shard_plans(run.manifest), run.descriptors))


def generations(run: Run) -> dict[str, int]:
    table = manifest.read_all(run.manifest, ["id", "generation"])
    return dict(zip(table["id"].to_pylist(), table["generation"].to_pylist(), strict=True))


def test_a_shard_without_some_rows_is_of_a_higher_generation(run: Run) -> None:
    remove(run, "a", "unknown")
    (shard,) = shards.paths(run.descriptors)
    assert shards.generation(shard) == 4
    assert shards.read(shard)["id"].to_pylist() == ["b", "c", "d"]
    assert generations(run) == dict.fromkeys("bcd", 4)
    assert not pending(run)


def test_the_other_images_keep_their_own_columns(run: Run) -> None:
    give_columns(run, {"title": dict(zip("abcd", "ABCD", strict=True))})
    remove(run, "a", "d")
    assert manifest.read_all(run.manifest, ["id", "title"]).to_pydict() == {"id": ["b", "c"], "title": ["B", "C"]}
    manifest.replan(run.manifest, ["b"])
    assert manifest.read_all(run.manifest, ["title"])["title"].to_pylist() == ["B", "C"]


def test_images_are_described_again_after_a_removal(run: Run) -> None:
    remove(run, "a")
    manifest.replan(run.manifest, ["b"])
    assert generations(run) == {"b": 5, "c": 4, "d": 4}
    assert pending(run)


def test_images_that_are_due_stay_due(run: Run) -> None:
    for _ in range(4):
        manifest.replan(run.manifest, ["b"])
    remove(run, "a")
    assert generations(run) == {"b": 5, "c": 4, "d": 4}
    assert pending(run)


def test_images_without_a_shard_are_only_unplanned(run: Run) -> None:
    shards.paths(run.descriptors)[0].remove()
    remove(run, "a")
    assert generations(run) == dict.fromkeys("bcd", 0)


@pytest.mark.parametrize(("generation", "kept"), [(3, True), (2, False), (4, True)])
def test_only_a_current_copy_is_kept(generation: int, kept: bool, run: Run) -> None:
    (shard,) = shards.paths(run.descriptors)
    ids = list("bcd") if generation == 4 else list("abcd")  # one that an interrupted attempt has written
    copy = run.reduced("half") / shard.name
    shards.replace(copy, pa.table({"id": ids, "vector": np.arange(len(ids))}), generation)
    remove(run, "a", copies={run.reduced("half"): {shard.name}})
    assert copy.exists() is kept
    if kept:
        assert shards.read(copy)["id"].to_pylist() == ["b", "c", "d"]
        assert shards.generation(copy) == shards.generation(shard) == 4


def test_nothing_is_left_of_a_shard_and_a_part_that_lose_all_rows(run: Run) -> None:
    (shard,) = shards.paths(run.descriptors)
    shards.replace(run.reduced("half") / shard.name, pa.table({"id": list("abcd")}), 3)
    remove(run, *"abcd", copies={run.reduced("half"): {shard.name}})
    remove(run, *"abcd")
    assert [shards.paths(folder) for folder in (run.manifest, run.descriptors, run.reduced("half"))] == [[], [], []]


def test_a_shard_that_is_written_late_by_another_process_is_removed(run: Run) -> None:
    (shard,) = shards.paths(run.descriptors)
    late = shards.read(shard)
    removed = manifest.read_all(run.manifest, ["id", "shard"]).slice(0, 1)
    remove(run, "a")
    remove_late_shards(run.descriptors, removed)
    assert shard.exists()
    shards.replace(shard, late, 7)
    remove_late_shards(run.descriptors, removed)
    assert not shard.exists()
    assert pending(run)
