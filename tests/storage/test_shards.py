import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.errors import DamagedFileError
from osrmac.storage import schema, shards
from osrmac.storage.location import Location

DIMENSIONS = {"single": 4, "osrmac": 6, "regions": 3}
SCHEMA = schema.descriptors(DIMENSIONS, "fingerprint", regional=("regions",))


def rows(ids: list[str], failed: frozenset[str] = frozenset()) -> pa.Table:
    """Rows whose vectors count up from the number in the id; that is also the number of regions."""
    ok = [image not in failed for image in ids]
    columns = {
        "id": ids,
        "uri": [f"/photos/{image}" for image in ids],
        "status": [schema.OK if good else schema.FAILED for good in ok],
        "error_stage": [None if good else "decode" for good in ok],
        "error": [None if good else "not an image" for good in ok],
        "width": [640 if good else None for good in ok],
        "height": [480 if good else None for good in ok],
    }
    vectors: dict[str, list[Any]] = {
        recipe: [
            [float(int(image) + i) for i in range(d)] if good else None for image, good in zip(ids, ok, strict=True)
        ]
        for recipe, d in DIMENSIONS.items()
    }
    vectors["regions"] = [
        [vector] * int(image) if vector else None for image, vector in zip(ids, vectors["regions"], strict=True)
    ]
    return pa.table(columns | vectors, schema=SCHEMA)


def write(folder: Path, table: pa.Table, name: str = "part-0.parquet", generation: int = 0) -> Location:
    shards.write(Location.of(folder), table, name, generation)
    return Location.of(folder / name)


def test_a_shard_is_sorted_by_id_and_keeps_schema_and_metadata(tmp_path: Path) -> None:
    shard = write(tmp_path, rows(["3", "1", "2"], failed=frozenset("2")), generation=3)
    table = shards.read(shard)
    assert table.schema.equals(SCHEMA)
    assert table["id"].to_pylist() == ["1", "2", "3"]
    assert table["osrmac"].to_pylist()[1] is None
    assert table["osrmac"].to_pylist()[2] == [3, 4, 5, 6, 7, 8]
    metadata = shards.read_metadata(shard)
    assert metadata.pop("osrmac.sha256")
    assert metadata == {"osrmac.fingerprint": "fingerprint", "osrmac.generation": "3"}
    assert shards.generation(shard) == 3


def test_a_shard_is_replaced(tmp_path: Path) -> None:
    write(tmp_path, rows(["1", "2"]))
    write(tmp_path, rows(["2", "1"], failed=frozenset("1")), generation=1)
    (shard,) = shards.paths(Location.of(tmp_path))
    assert shards.read(shard)["status"].to_pylist() == ["failed", "ok"]
    assert shards.generation(shard) == 1


def test_vectors_of_all_shards_are_sorted_by_id_without_failed_images(tmp_path: Path) -> None:
    write(tmp_path, rows(["4", "1", "7"], failed=frozenset("4")))
    write(tmp_path, rows(["2", "9"]), "part-1.parquet")
    found = shards.read_vectors(shards.paths(Location.of(tmp_path)), "single")
    assert found.ids == ["1", "2", "7", "9"]
    assert found.values.dtype == np.float32
    np.testing.assert_array_equal(found.values, [[n, n + 1, n + 2, n + 3] for n in (1, 2, 7, 9)])


def test_regions_of_all_shards_are_concatenated_by_image(tmp_path: Path) -> None:
    write(tmp_path, rows(["4", "1", "3"], failed=frozenset("4")))
    write(tmp_path, rows(["2"]), "part-1.parquet")
    found = shards.read_vectors(shards.paths(Location.of(tmp_path)), "regions")
    assert found.ids == ["1", "2", "3"]
    assert found.regions is not None
    assert found.regions.tolist() == [1, 2, 3]
    assert found.values.dtype == np.float32
    np.testing.assert_array_equal(found.values, [[n, n + 1, n + 2] for n in (1, 2, 2, 3, 3, 3)])
    only = shards.read_vectors(shards.paths(Location.of(tmp_path)), "regions", only=pa.array(["3"]))
    assert (only.ids, only.values.shape) == (["3"], (3, 3))


def test_a_shard_of_failed_images_has_no_vectors(tmp_path: Path) -> None:
    write(tmp_path, rows(["1", "2"], failed=frozenset("12")))
    for recipe, dimension in DIMENSIONS.items():
        found = shards.read_vectors(shards.paths(Location.of(tmp_path)), recipe)
        assert (found.ids, found.values.shape) == ([], (0, dimension))


@given(st.sets(st.text(min_size=1, max_size=3)), st.sets(st.text(max_size=3)), st.integers(1, 2000))
def test_rows_are_found_by_their_ids(ids: set[str], wanted: set[str], group_bytes: int) -> None:
    table = pa.table({"id": pa.array(sorted(ids), pa.string()), "row": pa.array(range(len(ids)), pa.int64())})
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "_GROUP_BYTES", group_bytes)
        file = Location.of(f"{folder}/shard.parquet")
        shards.write_table(file, table, small_groups=True)
        found = shards.find(file, sorted(wanted), ["id", "row"])
    assert found.equals(table.filter(pc.is_in(table["id"], value_set=pa.array(sorted(wanted), pa.string()))))


def test_row_groups_without_an_id_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "_GROUP_BYTES", 1)
    file = Location.of(tmp_path / "shard.parquet")
    shards.write_table(file, rows(["1", "3", "5", "7"]), small_groups=True)
    column = shards.footer(file).row_group(2).column(0)
    content = bytearray(file.read_bytes())
    content[column.dictionary_page_offset : column.dictionary_page_offset + column.total_compressed_size] = bytes(
        column.total_compressed_size
    )
    file.write_bytes(bytes(content))
    for wanted, found in ((["1", "7"], ["1", "7"]), (["0", "4", "8"], []), (["2", "3", "4"], ["3"])):
        assert shards.find(file, wanted, ["id", "uri"])["id"].to_pylist() == found
    with pytest.raises(DamagedFileError):
        shards.find(file, ["5"], ["id", "uri"])


def test_vectors_can_be_read_for_some_ids_only(tmp_path: Path) -> None:
    write(tmp_path, rows(["1", "2", "3"], failed=frozenset("3")))
    found = shards.read_vectors(shards.paths(Location.of(tmp_path)), "single", only=pa.array(["2", "3"]))
    assert found.ids == ["2"]


@pytest.mark.parametrize(
    ("images", "workers", "expected"),
    [
        (1, 2, 1),
        (3, 2, 2),
        (100, 96, 96),
        (128, 2, 2),
        (129, 2, 4),
        (297, 2, 6),
        (32_000, 2, 500),
        (50_000, 2, 500),
        (5_000_000, 10, 500),
        (10**9, 1, 96_007),
        (10**9, 16, 96_007),
    ],
)
def test_every_worker_has_as_many_shards_of_at_most_64_images_or_a_five_hundredth_or_128_mb(
    images: int, workers: int, expected: int
) -> None:
    assert shards.shard_count(images, images, 4 * 3072, workers, rows=64) == expected


def test_added_images_get_a_shard_for_every_worker() -> None:
    assert shards.shard_count(10, 1_000_000, 4 * 3072, workers=4, rows=64) == 4
    assert shards.shard_count(9000, 1_000_000, 4 * 3072, workers=4, rows=64) == 5


def test_images_with_many_vectors_are_fewer_in_a_shard() -> None:
    assert shards.shard_count(60, 60, 40_000_000, workers=1, rows=64) == 20
    assert shards.shard_count(60, 60, 400_000_000, workers=1, rows=64) == 60


def test_a_file_has_plain_arrow_types(tmp_path: Path) -> None:
    shard = write(tmp_path, rows(["1"]))
    stored = pq.read_schema(shard)
    assert stored.field("osrmac").type == pa.list_(pa.float32(), 6)
    assert stored.field("single").type == pa.list_(pa.float32(), 4)
    assert stored.field("width").type == pa.int32()
    assert stored.field("regions").type == pa.list_(pa.list_(pa.float32(), 3))
    group = pq.read_metadata(shard).row_group(0)
    columns = {(column := group.column(number)).path_in_schema: column for number in range(group.num_columns)}
    assert {column.compression for column in columns.values()} == {"ZSTD"}
    for floats in ("osrmac.list.element", "regions.list.element.list.element"):
        assert "BYTE_STREAM_SPLIT" in columns[floats].encodings


READERS = {
    "pyarrow": """
import pyarrow.dataset
table = pyarrow.dataset.dataset(folder).to_table()
assert str(table.schema.field("osrmac").type).startswith("fixed_size_list<element: float>[6]"), table.schema
found = table.sort_by("id").to_pylist()
""",
    "duckdb": """
import duckdb
relation = duckdb.sql(f"select * from '{folder}/*.parquet' order by id")
assert dict(zip(relation.columns, map(str, relation.types)))["osrmac"] == "FLOAT[]", relation.types
found = [dict(zip(relation.columns, row)) for row in relation.fetchall()]
near = duckdb.sql(f"select id from '{folder}/*.parquet' where status = 'ok' "
                  "order by array_distance(osrmac::FLOAT[6], [3,4,5,6,7,8]::FLOAT[6])").fetchall()
assert near == [("3",), ("1",)], near
""",
    "polars": """
import polars
frame = polars.read_parquet(f"{folder}/*.parquet").sort("id")
assert frame.schema["osrmac"] == polars.Array(polars.Float32, 6), frame.schema
found = frame.to_dicts()
""",
}


@pytest.mark.parametrize("library", READERS)
def test_other_libraries_read_shards_without_osrmac(tmp_path: Path, library: str) -> None:
    write(tmp_path, rows(["1", "2"], failed=frozenset("2")))
    write(tmp_path, rows(["3"]), "part-1.parquet")
    check = """
assert [row["id"] for row in found] == ["1", "2", "3"]
assert [row["status"] for row in found] == ["ok", "failed", "ok"]
assert found[1]["osrmac"] is None and found[1]["error"] == "not an image"
assert found[1]["regions"] is None and [list(region) for region in found[2]["regions"]] == 3 * [[3, 4, 5]]
assert list(found[2]["osrmac"]) == [3, 4, 5, 6, 7, 8] and len(found[0]["single"]) == 4
"""
    code = f"import sys\nsys.modules['osrmac'] = None\nfolder = {str(tmp_path)!r}\n{READERS[library]}{check}"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
