from pathlib import Path

import pyarrow as pa

from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.planning.relocation import relocate

PLANNED = pa.table({"id": ["a", "b", "c"], "shard": ["one.parquet", "one.parquet", "two.parquet"]})


def committed(folder: Path) -> Location:
    """Two shards; the image b could not be read, and the second shard is damaged."""
    rows = pa.table({"id": ["a", "b"], "uri": ["/a", "/b"], "error_stage": [None, "fetch"]})
    shards.write(Location.of(folder), rows, "one.parquet", generation=3)
    (folder / "two.parquet").write_bytes(b"damaged")
    return Location.of(folder)


def test_committed_rows_get_the_new_uris_and_keep_their_generation(tmp_path: Path) -> None:
    folder = committed(tmp_path)
    moved = pa.table({"id": ["b", "c"], "uri": ["/new/b", "/new/c"]})
    assert relocate(folder, PLANNED, moved).to_pylist() == ["b"]
    one = folder / "one.parquet"
    assert shards.read(one, ["id", "uri"]).to_pydict() == {"id": ["a", "b"], "uri": ["/a", "/new/b"]}
    assert shards.generation(one) == 3


def test_nothing_is_written_where_nothing_has_moved(tmp_path: Path) -> None:
    folder = committed(tmp_path)
    before = (tmp_path / "one.parquet").stat().st_mtime_ns
    none = pa.table({"id": pa.array([], pa.string()), "uri": pa.array([], pa.string())})
    assert relocate(folder, PLANNED, none).to_pylist() == []
    assert relocate(folder, PLANNED, pa.table({"id": ["a"], "uri": ["/a"]})).to_pylist() == []
    assert (tmp_path / "one.parquet").stat().st_mtime_ns == before
