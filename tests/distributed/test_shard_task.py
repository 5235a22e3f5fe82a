from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from osrmac.descriptor.describer import Description, Failure
from osrmac.distributed.shard_task import ShardTask
from osrmac.errors import StorageError
from osrmac.storage import manifest, schema, shards
from osrmac.storage.location import Location
from osrmac.storage.manifest import ShardPlan

COLUMNS = schema.descriptors({"single": 2, "regions": 2}, "fingerprint", ("regions",))


def description(value: float) -> Description:
    vectors = {"single": np.full(2, value, np.float32), "regions": np.full((3, 2), value, np.float32)}
    return Description(40, 30, vectors)


@pytest.fixture
def folder(tmp_path: Path) -> Location:
    return Location.of(tmp_path / "descriptors")


@pytest.fixture
def planned(tmp_path: Path) -> Location:
    return Location.of(tmp_path / "manifest")


@pytest.fixture
def plan(planned: Location) -> ShardPlan:
    """A shard of the images a, b and c."""
    listed = [{"id": name, "uri": f"{name}.png", "size": 1} for name in "abc"]
    manifest.update(
        planned, planned / "shards", [pa.Table.from_pylist(listed, schema=schema.COLLECTION)], manifest.shards_of(3)
    )
    (plan,) = manifest.shard_plans(planned)
    return plan


def commit(plan: ShardPlan, planned: Location, folder: Location, results: list[Description | Failure]) -> None:
    task = ShardTask.load(plan, planned, folder, 1, {})
    shards.write(folder, task.rows(results, COLUMNS), plan.shard, plan.generation)


def test_without_a_committed_shard_every_image_is_due(plan: ShardPlan, planned: Location, folder: Location) -> None:
    task = ShardTask.load(plan, planned, folder, 1, {})
    assert task.kept is None
    assert task.images == [("a", "a.png", None), ("b", "b.png", None), ("c", "c.png", None)]


def test_rows_hold_descriptors_or_the_reason_of_the_failure(
    plan: ShardPlan, planned: Location, folder: Location
) -> None:
    commit(plan, planned, folder, [description(0.5), Failure("decode", "broken"), description(1.0)])
    first, second, _ = shards.read(folder / plan.shard).to_pylist()
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


def test_only_replanned_images_are_due_and_the_other_rows_are_kept(
    plan: ShardPlan, planned: Location, folder: Location
) -> None:
    commit(plan, planned, folder, [description(0.5), Failure("decode", "broken"), description(1.0)])
    manifest.replan(planned, ["b"])
    (again,) = manifest.shard_plans(planned)
    task = ShardTask.load(again, planned, folder, 1, {})
    assert task.images == [("b", "b.png", None)]
    commit(again, planned, folder, [description(2.0)])
    committed = shards.read(folder / again.shard)
    assert committed["id"].to_pylist() == ["a", "b", "c"]
    assert committed["single"].to_pylist() == [[0.5, 0.5], [2.0, 2.0], [1.0, 1.0]]
    assert ShardTask.load(again, planned, folder, 1, {}).due.num_rows == 0


def test_rows_are_only_written_while_their_images_are_planned(
    plan: ShardPlan, planned: Location, folder: Location
) -> None:
    commit(plan, planned, folder, [description(0.5)] * 3)
    manifest.replan(planned, ["b"])
    (replanned,) = manifest.shard_plans(planned)
    task = ShardTask.load(replanned, planned, folder, 1, {})
    assert task.due["id"].to_pylist() == ["b"]
    task.require_planned(planned)
    rows = shards.read(planned / plan.part)
    manifest.write_part(planned / plan.part, rows.take([2, 0, 1]))  # the order does not matter
    task.require_planned(planned)
    for changed in (rows.slice(1), rows.set_column(5, rows.schema.field("shard"), pa.array(["another"] * 3))):
        manifest.write_part(planned / plan.part, changed)
        with pytest.raises(StorageError, match=r"the plan of part-.* has changed: another command has taken this one"):
            task.require_planned(planned)
    (planned / plan.part).remove()
    with pytest.raises(StorageError, match="has changed"):
        task.require_planned(planned)
