import datetime
import os
import shutil
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import s3fs

from osrmac.config import FetchConfig
from osrmac.errors import StorageError
from osrmac.storage import schema
from osrmac.storage.listing.collection import listing
from osrmac.storage.location import Location
from osrmac.storage.reading.fetch import Fetcher


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name in ("b.jpg", "a.PNG", "trip/2024/c.jpeg", "trip/notes.txt", "trip/.thumb.db"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def plan(images: str) -> pa.Table:
    return pa.concat_tables(listing(Location.of(images))).sort_by("id")


def ids(rows: pa.Table) -> list[str]:
    listed: list[str] = rows["id"].to_pylist()
    return listed


def test_a_folder_is_listed_recursively(photos: Path) -> None:
    manifest = plan(str(photos))
    assert manifest.schema.equals(schema.COLLECTION)
    assert ids(manifest) == ["a.PNG", "b.jpg", "trip/2024/c.jpeg"]
    row = manifest.to_pylist()[1]
    assert row["uri"] == str(photos / "b.jpg")
    assert row["size"] == len(b"b.jpg")
    assert row["mtime"].timestamp() == pytest.approx((photos / "b.jpg").stat().st_mtime, abs=1e-5)
    assert row["etag"] is None


def test_a_trailing_slash_changes_no_id(photos: Path) -> None:
    assert ids(plan(f"{photos}/")) == ids(plan(str(photos)))


def test_ids_of_a_glob_are_relative_to_its_fixed_part(photos: Path) -> None:
    assert ids(plan(f"{photos}/trip/**/*.jpeg")) == ["2024/c.jpeg"]
    assert ids(plan(f"{photos}/*.jpg")) == ["b.jpg"]


def test_uris_of_a_remote_file_system_are_urls() -> None:
    Location.of("memory://bucket/shop/x.jpg").write_bytes(b"x")
    assert plan("memory://bucket/shop").to_pylist()[0] | {"mtime": None} == {
        "id": "x.jpg",
        "uri": "memory:///bucket/shop/x.jpg",
        "size": 1,
        "etag": None,
        "mtime": None,
    }


def test_ids_of_a_text_list_are_its_uris(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{photos}/b.jpg\n\n{photos}/gone.jpg\n")
    manifest = plan(str(tmp_path / "list.txt"))
    assert ids(manifest) == [f"{photos}/b.jpg", f"{photos}/gone.jpg"]
    assert manifest["size"].to_pylist() == [5, None]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_may_have_ids_and_versions(photos: Path, tmp_path: Path, suffix: str) -> None:
    table = pa.table({"uri": [f"{photos}/b.jpg", "s3://bucket/y.jpg"], "id": ["two", "one"], "etag": ["v2", "v1"]})
    if suffix == "csv":
        pyarrow.csv.write_csv(table, tmp_path / "list.csv")
    else:
        pq.write_table(table, tmp_path / "list.parquet")
    manifest = plan(str(tmp_path / f"list.{suffix}"))
    assert manifest.select(["id", "uri", "etag"]).to_pylist() == [
        {"id": "one", "uri": "s3://bucket/y.jpg", "etag": "v1"},
        {"id": "two", "uri": f"{photos}/b.jpg", "etag": "v2"},
    ]


@pytest.mark.parametrize("name", ["0001", "1e3", "1.0", "true", "2024-05-01", "NA", " 7"])
def test_ids_uris_and_etags_of_a_csv_file_are_taken_literally(tmp_path: Path, name: str) -> None:
    (tmp_path / "list.csv").write_text(f"id,uri,etag\n{name},{name}.5,{name}\n2,2.5,2\n")
    first, *_ = listing(Location.of(tmp_path / "list.csv"))
    uri = f"{tmp_path}/{name}.5"
    assert first.select(["id", "uri", "etag"]).to_pylist()[0] == {"id": name, "uri": uri, "etag": name}


def test_uris_that_look_like_numbers_are_taken_literally_where_they_are_the_ids(tmp_path: Path) -> None:
    for suffix in ("csv", "txt"):
        (tmp_path / f"list.{suffix}").write_text("uri\n" * (suffix == "csv") + "0001\n1\n")
        assert ids(plan(str(tmp_path / f"list.{suffix}"))) == ["0001", "1"]


@pytest.mark.parametrize("mtime", ["2024-05-01T12:00:00Z", "2024-05-01 12:00:00", "2024-05-01T14:00:00+02:00"])
def test_sizes_and_times_of_a_csv_file_are_numbers_and_timestamps(tmp_path: Path, mtime: str) -> None:
    (tmp_path / "list.csv").write_text(f"uri,size,mtime\na.jpg,,\nb.jpg,12.0,{mtime}\n")
    first, second = plan(str(tmp_path / "list.csv")).to_pylist()
    assert (first["size"], first["mtime"]) == (None, None)
    assert (second["size"], second["mtime"].isoformat()) == (12, "2024-05-01T12:00:00+00:00")


def test_integer_ids_of_a_parquet_file_become_decimal_strings(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [7, 1000], "uri": ["a.jpg", "b.jpg"]}), tmp_path / "list.parquet")
    assert ids(plan(str(tmp_path / "list.parquet"))) == ["1000", "7"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("url\na.jpg\n", "no column 'uri'"),
        ("uri\n", "no images"),
        ("", "cannot read the list"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "list.csv").write_text(content)
    with pytest.raises(StorageError, match=message) as caught:
        plan(str(tmp_path / "list.csv"))
    assert "\n" not in str(caught.value)


def test_a_folder_without_images_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("-")
    with pytest.raises(StorageError, match="no images in"):
        plan(str(tmp_path))
    with pytest.raises(StorageError, match="no folder"):
        plan(str(tmp_path / "nowhere"))


ODD_NAMES = [
    b"plain.jpg",
    b"caf\xe9.jpg",  # Latin-1
    b"caf\\xe9.jpg",  # looks like the escaped name above
    b"caf\\\xe9.jpg",
    b"caf\\\\xe9.jpg",
    b"caf%E9.jpg",
    b"back\\slash.jpg",
    b"\xff\xfe/\xe9 %#?.jpg",
    b"file:/a.jpg",
    b"a::b.jpg",
    "שלום.jpg".encode(),
    "\u202egpj.jpg".encode(),
    b"line\nbreak.jpg",
    b"<script>alert(1)<.jpg",
    b"\"'`&.jpg",
    b"*?[x] #%20.jpg",
    b" ~ .jpg",
]


def test_every_name_of_any_bytes_has_its_own_id_and_a_uri_that_can_be_read(tmp_path: Path) -> None:
    for name in ODD_NAMES:
        file = tmp_path / "odd [x] *" / os.fsdecode(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name)
    planned = plan(str(tmp_path / "odd [x] *")).to_pylist()
    assert len({row["id"] for row in planned}) == len(ODD_NAMES)
    assert {Location.of(row["uri"]).read_bytes() for row in planned} == set(ODD_NAMES)
    assert list(Fetcher()(row["uri"] for row in planned)) == [Location.of(row["uri"]).read_bytes() for row in planned]
    content = {row["id"]: Location.of(row["uri"]).read_bytes() for row in planned}
    unicode = [name.decode() for name in ODD_NAMES if b"\xe9" not in name and b"\\x" not in name]
    assert all(content[name] == name.encode() for name in unicode)
    assert content["caf\\xe9.jpg"] == b"caf\xe9.jpg"


def test_a_list_may_have_percent_encoded_file_urls(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9 1.jpg")).write_bytes(b"four")
    (tmp_path / "list.txt").write_text(f"file://{tmp_path}/caf%E9%201.jpg\n")
    (row,) = plan(str(tmp_path / "list.txt")).to_pylist()
    assert row["size"] == 4
    assert Location.of(row["uri"]).read_bytes() == b"four"


def test_a_long_list_is_read_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("osrmac.storage.listing.uri_list._BATCH", 1000)
    pq.write_table(pa.table({"uri": [f"s3://bucket/{number}" for number in range(2500)]}), tmp_path / "list.parquet")
    batches = list(listing(Location.of(tmp_path / "list.parquet")))
    assert [batch.num_rows for batch in batches] == [1000, 1000, 500]
    assert batches[2]["id"].to_pylist()[-1] == "s3://bucket/2499"


def test_globs_match_the_same_files_in_a_bucket_as_on_disk(bucket: str, photos: Path) -> None:
    s3fs.S3FileSystem().put(str(photos), "archive/photos", recursive=True)
    for pattern in ("*.jpg", "**/*.jpeg", "tr?p/2024/*", "*/*/[c-d].*", "**"):
        remote, local = plan(f"{bucket}/photos/{pattern}"), plan(f"{photos}/{pattern}")
        assert ids(remote) == ids(local) != []
    with pytest.raises(StorageError, match="no folder s3://archive/nowhere"):
        plan(f"{bucket}/nowhere")


def test_a_folder_that_disappears_while_it_is_listed_is_an_error_of_one_line(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("osrmac.storage.listing.uri_list._BATCH", 1)
    batches = listing(Location.of(photos))
    shutil.rmtree(photos / "trip")
    with pytest.raises(StorageError, match=r"has changed while it was listed, .*trip"):
        list(batches)


def write_list(file: Path, columns: dict[str, Any]) -> str:
    """Write a list as CSV, Parquet or text, depending on the suffix."""
    if file.suffix == ".txt":
        file.write_text("".join(f"{uri}\n" for uri in columns["uri"]))
    elif file.suffix == ".csv":
        pyarrow.csv.write_csv(pa.table(columns), file)
    else:
        pq.write_table(pa.table(columns), file)
    return str(file)


@pytest.mark.parametrize("suffix", ["txt", "csv", "parquet"])
def test_a_bad_line_is_a_row_that_cannot_be_fetched_and_refuses_no_list(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "good.jpg").write_bytes(b"good")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("member.jpg", b"member")
    bad = ["nope://x", f"zip://missing.jpg::{tmp_path}/a.zip", "zip://a.jpg::/no.zip", "no/where.jpg", "/" + "n" * 300]
    uris = [*bad, "http://[", "s3://", "::", "~", f"{tmp_path}/good.jpg", f"zip://member.jpg::{tmp_path}/a.zip"]
    rows = plan(write_list(tmp_path / f"list.{suffix}", {"uri": uris}))
    assert sorted(ids(rows)) == sorted(uris)
    found = dict(zip(ids(rows), Fetcher(FetchConfig(attempts=1))(rows["uri"].to_pylist()), strict=True))
    good = {uri for uri, content in found.items() if isinstance(content, bytes)}
    assert good == set(uris[-2:])


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_row_without_an_id_has_its_uri_as_the_id_and_none_is_dropped(tmp_path: Path, suffix: str) -> None:
    columns = {"id": ["one", None, None, "four"], "uri": ["/a.jpg", "/b.jpg", None, None]}
    rows = plan(write_list(tmp_path / f"list.{suffix}", columns))
    assert {row["id"]: row["uri"] for row in rows.to_pylist()} == {
        "one": "/a.jpg",
        "/b.jpg": "/b.jpg",
        "row 3": "",
        "four": "",
    }
    (found,) = Fetcher()([""])
    assert str(found) == "there is no path or URL of the file"


def test_a_line_of_a_csv_file_with_too_many_or_too_few_values_is_one_row(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("id,uri\none,/a.jpg\ntwo,/b,c.jpg\nthree\nfour,/d.jpg\n")
    rows = {row["id"]: row["uri"] for row in plan(str(tmp_path / "list.csv")).to_pylist()}
    assert rows.keys() == {"one", "two,/b,c.jpg", "three", "four"}
    assert (rows["one"], rows["four"]) == ("/a.jpg", "/d.jpg")


@pytest.mark.parametrize("suffix", ["txt", "csv"])
def test_a_line_that_is_not_utf_8_names_the_file_of_these_bytes(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / os.fsdecode(b"caf\xe9 1.jpg")
    file.write_bytes(b"four")
    lines = b"uri\n" * (suffix == "csv") + os.fsencode(file) + b"\n/plain.jpg\n"
    (tmp_path / f"list.{suffix}").write_bytes(lines)
    plain, odd = plan(str(tmp_path / f"list.{suffix}")).to_pylist()
    assert plain["id"] == plain["uri"] == "/plain.jpg"
    assert odd["id"] == f"{tmp_path}/caf\\xe9 1.jpg"
    assert odd["size"] == 4
    assert list(Fetcher()([odd["uri"]])) == [b"four"]


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


def test_a_column_that_is_no_text_refuses_the_list_in_one_line(tmp_path: Path) -> None:
    write_list(tmp_path / "list.parquet", {"uri": ["/a.jpg"], "id": [{"a": 1}]})
    with pytest.raises(StorageError, match=r"column 'id' of the list .* has the type struct<a: int64>: make it text"):
        plan(str(tmp_path / "list.parquet"))


def test_further_columns_of_a_list_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("uri,year\n" + "/a.jpg,2019\n" * 1 + "/b.jpg,unknown\n")
    assert ids(plan(str(tmp_path / "list.csv"))) == ["/a.jpg", "/b.jpg"]
    many = "".join(f"/{number}.jpg,{number}\n" for number in range(100_000))
    (tmp_path / "list.csv").write_text(f"uri,year\n{many}/b.jpg,unknown\n")
    assert len(ids(plan(str(tmp_path / "list.csv")))) == 100_001


def test_a_path_is_relative_to_the_folder_of_its_list_or_else_to_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for file in (here / "both.jpg", here / "current.jpg", there / "both.jpg", there / "sub" / "beside.jpg"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(file))
    (there / "list.txt").write_text("both.jpg\n./current.jpg\nsub/beside.jpg\nmissing.jpg\n")
    monkeypatch.chdir(here)
    rows = {row["id"]: row for row in plan("../there/list.txt").to_pylist()}
    assert {name: row["uri"] for name, row in rows.items()} == {
        "both.jpg": f"{there}/both.jpg",
        "./current.jpg": f"{here}/current.jpg",
        "sub/beside.jpg": f"{there}/sub/beside.jpg",
        "missing.jpg": f"{there}/missing.jpg",
    }
    assert rows["sub/beside.jpg"]["size"] == len(f"{there}/sub/beside.jpg")


def test_a_data_uri_is_no_path(tmp_path: Path) -> None:
    rows = plan(write_list(tmp_path / "list.csv", {"uri": ["data:image/png;base64,YQ=="]}))
    assert rows["uri"].to_pylist() == ["data:image/png;base64,YQ=="]
    assert list(Fetcher()(rows["uri"].to_pylist())) == [b"a"]


def test_the_files_of_a_run_are_not_images_of_the_folder_that_it_is_in(photos: Path, tmp_path: Path) -> None:
    (photos / "run" / "evaluation").mkdir(parents=True)
    (photos / "run" / "evaluation" / "sweep.png").write_bytes(b"-")
    (photos / "running.png").write_bytes(b"-")
    (tmp_path / "link").symlink_to(photos)
    for folder in (photos, tmp_path / "link", f"{photos}/**/*.[pP]*"):
        excluded = Location.of(photos / "run")
        rows = pa.concat_tables(listing(Location.of(folder), excluded))
        assert "run/evaluation/sweep.png" not in ids(rows)
        assert "running.png" in ids(rows)
