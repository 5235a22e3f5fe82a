"""Rows are read by row group, whatever has become of the shard since its footer was read."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.errors import DamagedFileError
from osrmac.storage import row_reader, shards
from osrmac.storage.location import Location
from osrmac.storage.row_reader import RowReader

ROWS = 1000


def table(rows: int = ROWS, start: int = 0, dimension: int = 8) -> pa.Table:
    vectors = np.arange(start * dimension, (start + rows) * dimension, dtype=np.float32)
    ids = [f"{number:06d}" for number in range(start, start + rows)]
    return pa.table({"id": ids, "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors), dimension)})


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Location:
    folder = Location.of(tmp_path_factory.mktemp("shards"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "_GROUP_BYTES", 4000)
        shards.write(folder, table(), "part.parquet", 3, small_groups=True)
    assert shards.footer(folder / "part.parquet").num_row_groups > 8
    return folder / "part.parquet"


@given(st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=40))
def test_rows_are_those_of_the_shard_in_the_order_given(shard: Location, rows: list[int]) -> None:
    whole = shards.read(shard)
    reader = RowReader()
    for _ in range(2):  # with a footer that is read, and one that is kept
        found = reader.read(shard, np.array(rows))
        assert found.equals(whole.take(rows))
        assert shards.generation_of(shards.metadata_of(found)) == 3


def test_only_the_groups_of_the_rows_are_read(shard: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[list[int]] = []
    original = shards.read_groups

    def record(file: Location, groups: list[int], footer: object) -> pa.Table:
        read.append(groups)
        return original(file, groups, footer)

    monkeypatch.setattr(shards, "read_groups", record)
    RowReader().read(shard, np.array([ROWS - 1, 0, 1]))
    assert read == [[0, shards.footer(shard).num_row_groups - 1]]


def test_a_footer_that_several_threads_read_at_once_is_kept_once(
    shard: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = shards.footer(shard).num_row_groups
    together = threading.Barrier(3)
    original = shards.footer

    def wait(file: Location) -> object:
        together.wait(timeout=10)
        return original(file)

    monkeypatch.setattr(row_reader, "_KEPT_GROUPS", groups)
    monkeypatch.setattr(shards, "footer", wait)
    reader = RowReader()
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda row: reader.read(shard, np.array([row])), range(3)))
    monkeypatch.delattr(shards, "footer")
    assert reader.read(shard, np.array([7]))["id"].to_pylist() == ["000007"]


def test_a_shard_of_one_row_group_is_read_too(tmp_path: Path) -> None:
    shards.write(Location.of(tmp_path), table(), "old.parquet")
    old = Location.of(tmp_path / "old.parquet")
    assert shards.footer(old).num_row_groups == 1
    assert RowReader().read(old, np.array([7, 3]))["id"].to_pylist() == ["000007", "000003"]


def test_a_shard_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    folder, reader = Location.of(tmp_path), RowReader()
    for rows, start in ((ROWS, 0), (50, 5000), (3 * ROWS, 70)):
        shards.write(folder, table(rows, start, dimension=100 + rows), "part.parquet", small_groups=True)
        found = reader.read(folder / "part.parquet", np.array([rows - 1, 0]))
        assert found["id"].to_pylist() == [f"{start + rows - 1:06d}", f"{start:06d}"]


def test_a_row_that_the_shard_lacks_is_an_error(shard: Location) -> None:
    with pytest.raises(IndexError, match="has 1000 rows"):
        RowReader().read(shard, np.array([ROWS]))


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    shards.write(Location.of(tmp_path), table(), "part.parquet", small_groups=True)
    file = tmp_path / "part.parquet"
    content = bytearray(file.read_bytes())
    content[2000] ^= 1
    file.write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"part\.parquet is damaged"):
        RowReader().read(Location.of(file), np.arange(ROWS))


def test_footers_are_kept_up_to_a_number_of_groups(shard: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    footers: list[str] = []
    original = shards.footer

    def footer(file: Location) -> object:
        footers.append(file.name)
        return original(file)

    monkeypatch.setattr(shards, "footer", footer)
    reader = RowReader()
    for _ in range(3):
        reader.read(shard, np.array([0]))
    assert len(footers) == 1
    monkeypatch.setattr(row_reader, "_KEPT_GROUPS", 1)
    reader = RowReader()
    for _ in range(3):
        reader.read(shard, np.array([0]))
    assert len(footers) == 4


def test_threads_share_a_reader(shard: Location) -> None:
    reader, failures = RowReader(), []

    def work(seed: int) -> None:
        rows = np.random.default_rng(seed).integers(0, ROWS, 20)
        if reader.read(shard, rows)["id"].to_pylist() != [f"{row:06d}" for row in rows.tolist()]:
            failures.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_remote_storage_is_asked_for_single_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Location.of("memory://row-reader")
    shards.write(folder, table(dimension=256), "part.parquet", small_groups=True)
    options: list[object] = []
    original = folder.fs.open

    def opened(*arguments: str, **given: str) -> object:
        options.append(given)
        return original(*arguments, **given)

    monkeypatch.setattr(folder.fs, "open", opened)
    reader = RowReader()
    reader.read(folder / "part.parquet", np.array([5]))
    found = reader.read(folder / "part.parquet", np.array([999]))
    assert found["id"].to_pylist() == ["000999"]
    assert options == [{}, {"cache_type": "none"}, {"cache_type": "none"}]
