import datetime
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from osrmac.runs.methods import Method
from osrmac.runs.near_duplicates.groups import Keep, Twin, describe_groups, nearest_distances
from osrmac.runs.near_duplicates.vector_pieces import Pairs, VectorPieces
from osrmac.storage import schema, shards
from tests.own_columns import give_columns
from tests.tiny_run import tiny_run

SINGLE = Method("single", "single", ("single",))
IDS = ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]
NEAREST = {number: number / 10 for number in range(9)}


@pytest.fixture
def images(tmp_path: Path) -> VectorPieces:
    """Five images in one shard: `b` is the largest, and `c` the oldest."""
    run = tiny_run(
        tmp_path / "run", {"single": {name: [0] for name in IDS}}, sizes={"b.jpg": (900, 900)}, rows_per_shard=5
    )
    (part,) = shards.paths(run.manifest)
    rows = shards.read(part)
    times = [None, None, datetime.datetime(1999, 1, 1, tzinfo=datetime.UTC), datetime.datetime.now(datetime.UTC), None]
    field = schema.COLLECTION.field("mtime")
    table = rows.set_column(rows.column_names.index("mtime"), field, pa.array(times, field.type))
    shards.write_groups(part, [table], write_statistics=["shard", "generation"])
    return VectorPieces.of(run, SINGLE)


@pytest.mark.parametrize(
    ("keep", "expected"),
    [("largest", ["b.jpg", "a.jpg", "c.jpg"]), ("oldest", ["c.jpg", "a.jpg", "b.jpg"]), ("first", IDS[:3])],
)
def test_the_image_to_keep_is_first_in_its_group(images: VectorPieces, keep: Keep, expected: list[str]) -> None:
    small, large = np.array([3, 4]), np.array([0, 1, 2])
    groups = describe_groups([images], [small, large], NEAREST, keep)
    assert [twin.id for twin in groups[0]] == expected
    assert len(groups[1]) == 2
    for group in groups:
        assert [twin.keep for twin in group] == [True] + [False] * (len(group) - 1)


def test_a_member_is_described_by_its_row_and_its_plan(images: VectorPieces) -> None:
    ((kept, other),) = describe_groups([images], [np.array([1, 2])], NEAREST, "largest")
    assert kept == Twin("b.jpg", "/photos/b.jpg", 900, 900, NEAREST[1], True, 1000, None, images.run.url)
    assert other.modified == datetime.datetime(1999, 1, 1, tzinfo=datetime.UTC)
    assert other.to_json()["modified"] == "1999-01-01T00:00:00+00:00"
    assert kept.to_json()["modified"] is None


def test_all_images_of_the_other_run_are_kept(images: VectorPieces, tmp_path: Path) -> None:
    archive = tiny_run(tmp_path / "archive", {"single": {name: [0] for name in ("y", "z")}})
    sides = [images, VectorPieces.of(archive, SINGLE, 5)]
    ((*kept, removed),) = describe_groups(sides, [np.array([1, 5, 6])], NEAREST, "largest")
    assert {(twin.id, twin.run) for twin in kept} == {("y", archive.url), ("z", archive.url)}
    assert all(twin.keep for twin in kept)
    assert replace(removed, distance=0).id == "b.jpg"
    assert not removed.keep


def test_the_nearest_linked_image_counts() -> None:
    pairs = Pairs(np.array([[0, 7], [7, 9]]), np.array([0.5, 0.25], np.float32))
    assert nearest_distances(pairs) == {0: 0.5, 7: 0.25, 9: 0.25}
    assert nearest_distances(Pairs.joined([])) == {}


def test_members_have_the_users_own_columns(images: VectorPieces) -> None:
    ((kept, _),) = describe_groups([images], [np.array([1, 2])], NEAREST, "largest")
    assert "columns" not in kept.to_json()
    give_columns(images.run, {"title": {"b.jpg": "B"}})
    ((kept, other),) = describe_groups([images], [np.array([1, 2])], NEAREST, "largest")
    assert (kept.columns, other.to_json()["columns"]) == ({"title": "B"}, {"title": None})
