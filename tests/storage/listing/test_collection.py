import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest
import s3fs

from osrmac.errors import StorageError
from osrmac.storage import schema
from osrmac.storage.listing.collection import listing
from osrmac.storage.listing.skipped import Skipped
from osrmac.storage.location import Location
from osrmac.storage.reading.fetch import Fetcher
from tests.lists import ids, plan


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


def test_a_folder_without_images_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("-")
    with pytest.raises(StorageError, match=r"^no images in .*: 1 \.txt$"):
        plan(str(tmp_path))
    (tmp_path / "empty").mkdir()
    with pytest.raises(StorageError, match=r"^no images in .*empty: osrmac looks for .*\.jpeg"):
        plan(str(tmp_path / "empty"))
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


def test_globs_match_the_same_files_in_a_bucket_as_on_disk(bucket: str, photos: Path) -> None:
    s3fs.S3FileSystem().put(str(photos), "archive/photos", recursive=True)
    for pattern in ("*.jpg", "**/*.jpeg", "tr?p/2024/*", "*/*/[c-d].*", "**"):
        remote, local = plan(f"{bucket}/photos/{pattern}"), plan(f"{photos}/{pattern}")
        assert ids(remote) == ids(local) != []
    with pytest.raises(StorageError, match="no folder s3://archive/nowhere"):
        plan(f"{bucket}/nowhere")


def passed_over(images: str | Path, excluded: Path | None = None) -> dict[str, int]:
    skipped = Skipped()
    for _ in listing(Location.of(images), None if excluded is None else Location.of(excluded), skipped):
        pass
    return skipped.counts


def test_files_that_are_passed_over_are_counted_in_a_folder_a_glob_and_a_bucket(bucket: str, photos: Path) -> None:
    (photos / "trip" / "README").touch()
    storage = s3fs.S3FileSystem()
    storage.put(str(photos), "archive/photos", recursive=True)
    storage.pipe_file("archive/photos/trip/", b"")  # how consoles show a folder
    for folder in (photos, f"{bucket}/photos"):
        assert passed_over(folder) == {".db": 1, ".txt": 1, "no suffix": 1}
        assert passed_over(f"{folder}/**/[a-c.n]*") == {".db": 1, ".txt": 1}
        assert passed_over(f"{folder}/*.jpg") == {}


def test_pipes_count_as_special_and_the_files_of_the_run_do_not_count(photos: Path) -> None:
    os.mkfifo(photos / "pipe.jpg")
    (photos / "run").mkdir()
    (photos / "run" / "run.json").touch()
    os.mkfifo(photos / "run" / "pipe")
    assert passed_over(photos, excluded=photos / "run") == {".db": 1, ".txt": 1, "special": 1}


def test_a_list_passes_over_nothing(photos: Path) -> None:
    (photos / "list.txt").write_text("b.jpg\ntrip/notes.txt\n")
    assert passed_over(photos / "list.txt") == {}


def test_a_folder_that_disappears_while_it_is_listed_is_an_error_of_one_line(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("osrmac.storage.listing.uri_list._BATCH", 1)
    batches = listing(Location.of(photos))
    shutil.rmtree(photos / "trip")
    with pytest.raises(StorageError, match=r"has changed while it was listed, .*trip"):
        list(batches)


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
