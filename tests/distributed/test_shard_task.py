from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from osrmac.descriptor.describer import Description, Failure
from osrmac.distributed.shard_task import ShardTask
from osrmac.storage import manifest, schema, shards
from osrmac.storage.manifest import ShardPlan

COLUMNS = schema.descriptors({"single": 2, "regions": 2}, "fingerprint", ("regions",))


def description(value: float) -> Description:
    vectors = {"single": np.full(2, value, np.float32), "regions": np.full((3, 2), value, np.float32)}
    return Description(40, 30, vectors)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "descriptors")


@pytest.fixture
def plan(tmp_path: Path) -> ShardPlan:
    """A shard of the images a, b and c."""
    listed = [{"id": name, "uri": f"{name}.png", "size": 1} for name in "abc"]
    planned = str(tmp_path / "manifest")
    manifest.update(planned, [pa.Table.from_pylist(listed, schema=schema.COLLECTION)], lambda _images: 3)
    (plan,) = manifest.shard_plans(planned)
    return plan


def commit(plan: ShardPlan, folder: str, results: list[Description | Failure]) -> None:
    task = ShardTask.load(plan, folder, 1, {})
    shards.write(folder, task.rows(results, COLUMNS), plan.shard, plan.generation)


def test_without_a_committed_shard_every_image_is_due(plan: ShardPlan, folder: str) -> None:
    task = ShardTask.load(plan, folder, 1, {})
    assert task.kept is None
    assert (task.ids, task.uris, task.boxes) == (["a", "b", "c"], ["a.png", "b.png", "c.png"], [None] * 3)


def test_rows_hold_descriptors_or_the_reason_of_the_failure(plan: ShardPlan, folder: str) -> None:
    commit(plan, folder, [description(0.5), Failure("decode", "broken"), description(1.0)])
    first, second, _ = shards.read(f"{folder}/{plan.shard}").to_pylist()
    assert first == {
        "id": "a",
        "uri": "a.png",
        "status": "ok",
        "error_stage": None,
        "error": None,
        "width": 40,
        "height": 30,
        "single": [0.5, 0.5],
        "regions": [[0.5, 0.5]] * 3,
    }
    assert (second["status"], second["error_stage"], second["error"]) == ("failed", "decode", "broken")
    assert second["single"] is second["regions"] is second["width"] is None


def test_only_replanned_images_are_due_and_the_other_rows_are_kept(plan: ShardPlan, folder: str) -> None:
    commit(plan, folder, [description(0.5), Failure("decode", "broken"), description(1.0)])
    planned = str(Path(plan.part).parent)
    manifest.replan(planned, ["b"])
    (again,) = manifest.shard_plans(planned)
    task = ShardTask.load(again, folder, 1, {})
    assert task.ids == ["b"]
    commit(again, folder, [description(2.0)])
    committed = shards.read(f"{folder}/{again.shard}")
    assert committed["id"].to_pylist() == ["a", "b", "c"]
    assert committed["single"].to_pylist() == [[0.5, 0.5], [2.0, 2.0], [1.0, 1.0]]
    assert ShardTask.load(again, folder, 1, {}).due.num_rows == 0
