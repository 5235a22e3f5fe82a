import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from osrmac.storage import manifest, schema
from osrmac.storage.location import Location
from osrmac.storage.planning.image_columns import ImageColumns

NOON = datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.UTC)


def add(folder: Path, ids: str, **columns: pa.Array) -> None:
    """Plan images in shards of two, as another part."""
    rows = [{"id": name, "uri": f"/{name}"} for name in ids]
    table = pa.Table.from_pylist(rows, schema=schema.COLLECTION)
    for name, values in columns.items():
        table = table.append_column(name, values)
    manifest.update(Location.of(folder), Location.of(folder / "shards"), [table], manifest.shards_of(2))


def shard_of(folder: Path) -> dict[str, str]:
    table = manifest.read_all(Location.of(folder), ["id", "shard"])
    return dict(zip(table["id"].to_pylist(), table["shard"].to_pylist(), strict=True))


def by_shard(folder: Path, ids: str) -> dict[str, list[str]]:
    names = shard_of(folder)
    return {shard: [name for name in ids if names[name] == shard] for shard in {names[name] for name in ids}}


def test_a_run_without_columns_reads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path, "abc")
    images = ImageColumns(Location.of(tmp_path))
    monkeypatch.setattr(manifest, "read", None)
    assert images.of_images(by_shard(tmp_path, "abc")) == {}
    assert images.of_all().num_rows == 0
    rows = pa.table({"id": ["a"]})
    assert images.added_to(rows, shard_of(tmp_path)["a"]) is rows


def test_only_the_shards_of_the_images_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path, "abcdef", title=pa.array([*"ABCDE", None]))
    images = ImageColumns(Location.of(tmp_path))
    read, original = [], manifest.read

    def counted(folder: Location, plan: manifest.ShardPlan) -> pa.Table:
        read.append(plan.group)
        return original(folder, plan)

    monkeypatch.setattr(manifest, "read", counted)
    assert images.of_images(by_shard(tmp_path, "af")) == {"a": {"title": "A"}, "f": {"title": None}}
    assert sorted(read) == [0, 2]


def test_parts_with_other_columns_are_read_together(tmp_path: Path) -> None:
    add(tmp_path, "ab", title=pa.array(["A", "B"]), year=pa.array([1901, None]))
    add(tmp_path, "cd", Title=pa.array(["C", "D"]), year=pa.array(["c. 1", None]), shown=pa.array([True, False]))
    add(tmp_path, "e")
    images = ImageColumns(Location.of(tmp_path))
    assert dict(zip(images.schema.names, images.schema.types, strict=True)) == {
        "title": pa.string(),
        "year": pa.string(),
        "shown": pa.bool_(),
    }
    assert images.types == {"title": str, "year": str, "shown": bool}
    assert images.of_all().to_pylist() == [
        {"id": "a", "title": "A", "year": "1901", "shown": None},
        {"id": "b", "title": "B", "year": None, "shown": None},
        {"id": "c", "title": "C", "year": "c. 1", "shown": True},
        {"id": "d", "title": "D", "year": None, "shown": False},
        {"id": "e", "title": None, "year": None, "shown": None},
    ]


def test_values_of_matches_are_those_of_json(tmp_path: Path) -> None:
    columns = {"day": [NOON.date()], "time": [NOON], "number": [float("nan")], "shown": [True]}
    whole = pa.array([2**63], pa.uint64())
    add(tmp_path, "a", **{name: pa.array(values) for name, values in columns.items()}, whole=whole)
    assert ImageColumns(Location.of(tmp_path)).of_images(by_shard(tmp_path, "a")) == {
        "a": {"day": "2024-05-01", "time": "2024-05-01T12:00:00+00:00", "number": None, "whole": 2**63, "shown": True}
    }


def test_rows_of_a_shard_get_the_columns_that_they_lack(tmp_path: Path) -> None:
    add(tmp_path, "ab", title=pa.array(["A", "B"]), osrmac=pa.array([1, 2]))
    rows = pa.table({"id": ["b", "a"], "osrmac": [[0.5], [1.5]]})
    found = ImageColumns(Location.of(tmp_path)).added_to(rows, shard_of(tmp_path)["a"])
    assert found.to_pydict() == {"id": ["b", "a"], "osrmac": [[0.5], [1.5]], "title": ["B", "A"]}
