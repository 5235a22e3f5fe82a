import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest

from tests.lists import ids, plan, write_list


@pytest.mark.parametrize("mtime", ["2024-05-01T12:00:00Z", "2024-05-01 12:00:00", "2024-05-01T14:00:00+02:00"])
def test_sizes_and_times_of_a_csv_file_are_numbers_and_timestamps(tmp_path: Path, mtime: str) -> None:
    (tmp_path / "list.csv").write_text(f"uri,size,mtime\na.jpg,,\nb.jpg,12.0,{mtime}\n")
    first, second = plan(str(tmp_path / "list.csv")).to_pylist()
    assert (first["size"], first["mtime"]) == (None, None)
    assert (second["size"], second["mtime"].isoformat()) == (12, "2024-05-01T12:00:00+00:00")


NOON = datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([1714564800123456789], pa.timestamp("ns")), NOON.replace(microsecond=123456)),
        (pa.array([1714564800123456789], pa.timestamp("ns", "Europe/Rome")), NOON.replace(microsecond=123456)),
        (pa.array([1714564800], pa.timestamp("s")), NOON),
        (pa.array([NOON.date()]), NOON.replace(hour=0)),
        (pa.array([1714564800.5]), NOON.replace(microsecond=500000)),
        (pa.array([Decimal("1714564800.5")]), NOON.replace(microsecond=500000)),
        (pa.array(["2024-05-01T12:00:00Z"]), NOON),
        (pa.array(["2024-05-01 14:00:00.250+02:00"]), NOON.replace(microsecond=250000)),
        (pa.array(["2024-05-01T12:00:00.123456789"]), NOON.replace(microsecond=123456)),
        (pa.array(["2024-05-01"]), NOON.replace(hour=0)),
        (pa.array(["1714564800.5"]), NOON.replace(microsecond=500000)),
        (pa.array(["yesterday"]), None),
        (pa.array([float("nan")]), None),
        (pa.array([1e300]), None),
        (pa.array([None], pa.null()), None),
        (pa.array([True]), None),
    ],
)
def test_modification_times_of_a_parquet_file_may_have_many_forms(
    tmp_path: Path, values: pa.Array, expected: datetime.datetime | None
) -> None:
    write_list(tmp_path / "list.parquet", {"uri": ["/a.jpg"], "mtime": values})
    assert plan(str(tmp_path / "list.parquet"))["mtime"].to_pylist() == [expected]


def test_modification_times_and_sizes_of_a_csv_file_may_differ_in_form_from_row_to_row(tmp_path: Path) -> None:
    forms = ["2024-05-01T12:00:00Z", "2024-05-01 12:00:00.000", "1714564800.0", "", "tomorrow", "1714564800000000"]
    sizes = ["12", "12.0", "", "12.5", "many", "1e3"]
    lines = [f"/{n}.jpg,{size},{mtime}\n" for n, (size, mtime) in enumerate(zip(sizes, forms, strict=True))]
    (tmp_path / "list.csv").write_text("uri,size,mtime\n" + "".join(lines))
    rows = plan(str(tmp_path / "list.csv"))
    assert rows["mtime"].to_pylist() == [NOON, NOON, NOON, None, None, NOON]
    assert rows["size"].to_pylist() == [12, 12, None, None, None, 1000]


def test_whole_numbers_are_times_in_microseconds_as_they_always_were(tmp_path: Path) -> None:
    write_list(tmp_path / "list.parquet", {"uri": ["/a.jpg"], "mtime": [1714564800000000]})
    (tmp_path / "list.csv").write_text("uri,mtime\n/a.jpg,1714564800000000\n")
    for suffix in ("parquet", "csv"):
        assert plan(str(tmp_path / f"list.{suffix}"))["mtime"].to_pylist() == [NOON]


LONG = "12345678901234567890123"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([Decimal(LONG)], pa.decimal128(23, 0)), LONG),
        (pa.array([Decimal("1.10")]), "1.10"),
        (pa.array([2**64 - 1], pa.uint64()), "18446744073709551615"),
        (pa.array([-(2**63)]), "-9223372036854775808"),
        (pa.array(["0001"]).dictionary_encode(), "0001"),
        (pa.array(["1e5"], pa.large_string()), "1e5"),
        (pa.array(["True"], pa.string_view()), "True"),
        (pa.array([b"0001"]), "0001"),
        (pa.array([b"caf\xe9"]), "caf\\xe9"),
        (pa.array([True]), "true"),
        (pa.array([LONG]), LONG),
        (pa.array([""]), "/a.jpg"),
    ],
)
def test_ids_of_a_parquet_file_stay_what_they_are(tmp_path: Path, values: pa.Array, expected: str) -> None:
    columns = {"uri": ["/a.jpg"], "id": values} | ({"etag": values} if expected != "/a.jpg" else {})
    rows = plan(write_list(tmp_path / "list.parquet", columns))
    assert ids(rows) == [expected]
    if "etag" in columns:
        assert rows["etag"].to_pylist() == [expected]
