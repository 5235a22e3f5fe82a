import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import s3fs

from osrmac.errors import StorageError
from osrmac.storage import schema
from osrmac.storage.fetch import Fetcher
from osrmac.storage.listing import listing
from osrmac.storage.location import Location


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
    assert first.select(["id", "uri", "etag"]).to_pylist()[0] == {"id": name, "uri": f"{name}.5", "etag": name}


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
        ("id,uri\n,a.jpg\n", "row without an id"),
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
    monkeypatch.setattr("osrmac.storage.listing._BATCH", 1000)
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
    monkeypatch.setattr("osrmac.storage.listing._BATCH", 1)
    batches = listing(Location.of(photos))
    shutil.rmtree(photos / "trip")
    with pytest.raises(StorageError, match=r"has changed while it was listed, .*trip"):
        list(batches)
