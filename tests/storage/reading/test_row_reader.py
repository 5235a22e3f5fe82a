from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from osrmac.errors import StorageError
from osrmac.prefetch import prefetch
from osrmac.storage.reading import row_reader
from osrmac.storage.reading.member_uri import Row
from osrmac.storage.reading.row_reader import RowReader
from tests.archives import hugging_face_file

VALUES = [bytes([number]) * (number + 1) for number in range(200)]
LOCAL = fsspec.filesystem("file")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """File with two row groups, of 120 and 80 rows."""
    hugging_face_file(tmp_path / "a.parquet", VALUES, [f"{number}.jpg" for number in range(200)], group=120)
    return tmp_path / "a.parquet"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Row groups whose reading began."""
    groups: list[int] = []
    read = row_reader._Stream._read_batches

    def recording(stream: row_reader._Stream) -> object:
        groups.append(stream._group)
        yield from read(stream)

    monkeypatch.setattr(row_reader._Stream, "_read_batches", recording)
    return groups


def value(reader: RowReader, file: Path, number: int, column: str = "image.bytes") -> bytes:
    return reader.read(Row(str(file), number, column), LOCAL, str(file), 9)


def test_consecutive_rows_read_each_group_once_even_by_several_threads(
    file: Path, opened: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_reader, "_BATCH_BYTES", 300)
    reader = RowReader(16)
    found = prefetch(lambda number: value(reader, file, number), range(200), threads=16, depth=16)
    assert list(found) == VALUES
    assert opened == [0, 1]


def test_rows_are_read_in_any_order(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_reader, "_BATCH_BYTES", 300)
    reader = RowReader(1)
    for number in (199, 0, 150, 119, 120, 3, 2):
        assert value(reader, file, number) == VALUES[number]


def test_few_values_are_kept(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_reader, "_BATCH_BYTES", 300)
    reader = RowReader(1)
    for number in range(200):
        value(reader, file, number)
    kept = sum(len(batch) for stream in reader._streams._values.values() for _, batch in stream._last)
    assert kept < 50


def test_files_of_other_storage_are_read_too(file: Path) -> None:
    fs = fsspec.filesystem("memory")
    fs.pipe("/rows.parquet", file.read_bytes())
    row = Row("memory://rows.parquet", 150, "image.bytes")
    assert RowReader(1).read(row, fs, "/rows.parquet", 9) == VALUES[150]


def test_what_is_not_there_is_an_error(file: Path, tmp_path: Path) -> None:
    reader = RowReader(1)
    with pytest.raises(StorageError, match="ends before row 200, it has 200 rows"):
        value(reader, file, 200)
    with pytest.raises(StorageError, match="no column thumbnail"):
        value(reader, file, 0, "thumbnail")
    pq.write_table(pa.table({"image": pa.array([None, b"1"], pa.binary())}), tmp_path / "b.parquet")
    with pytest.raises(StorageError, match="row 0 has no bytes in the column image"):
        value(reader, tmp_path / "b.parquet", 0, "image")
    assert value(reader, tmp_path / "b.parquet", 1, "image") == b"1"
    (tmp_path / "c.parquet").write_bytes(b"no Parquet file")
    with pytest.raises(StorageError, match="the Parquet file cannot be read"):
        value(reader, tmp_path / "c.parquet", 0)


def test_a_group_is_read_again_after_an_error(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = RowReader(1)
    failing = [True]
    leaf = row_reader._leaf

    def unreliable(values: pa.Array) -> pa.Array:
        if failing.pop() if failing else False:
            raise ConnectionError("lost")
        return leaf(values)

    monkeypatch.setattr(row_reader, "_leaf", unreliable)
    with pytest.raises(ConnectionError):
        value(reader, file, 5)
    assert value(reader, file, 5) == VALUES[5]
