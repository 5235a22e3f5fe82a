import datetime
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pytest

from osrmac.storage import shards
from osrmac.storage.listing.collection import listing
from osrmac.storage.listing.member_indexes import MemberIndexes
from osrmac.storage.listing.tar_members import MEMBERS, TarMembers, read_members
from osrmac.storage.listing.walk import File
from osrmac.storage.location import Location
from osrmac.storage.pruning import removed
from tests.archives import tar_bytes

NOON = datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.UTC)
ARCHIVE = File("/a.tar", 99, "v1", NOON)
FOUND = TarMembers(pa.table([[b"a.jpg", b"caf\xe9.jpg"], [512, 2048], [5, 6]], schema=MEMBERS), {".txt": 3}, "it ends")


def stored(folder: Location, uri: str = "/a.tar") -> MemberIndexes:
    """Indexes with an archive that was stored."""
    indexes = MemberIndexes(folder / "archives")
    indexes.begin_writing(folder / "removed")
    indexes.add(uri, ARCHIVE, FOUND, ["a.jpg", r"caf\xe9.jpg"])
    return indexes


def test_what_is_stored_is_found(folder: Location) -> None:
    stored(folder)
    found = MemberIndexes(folder / "archives").find("/a.tar", ARCHIVE)
    assert found is not None
    assert found.images.equals(FOUND.images)
    assert (found.passed_over, found.damage) == (FOUND.passed_over, FOUND.damage)


@pytest.mark.parametrize(
    "other", [ARCHIVE._replace(size=98), ARCHIVE._replace(etag="v2"), ARCHIVE._replace(mtime=None), File("/a.tar", 99)]
)
def test_an_archive_of_another_version_is_not_found(other: File, folder: Location) -> None:
    assert stored(folder).find("/a.tar", other) is None


def test_an_archive_without_a_version_is_not_stored(folder: Location) -> None:
    indexes = MemberIndexes(folder / "archives")
    indexes.begin_writing(folder / "removed")
    indexes.add("/a.tar", File("/a.tar", 99), FOUND, ["a.jpg"])
    assert shards.paths(folder / "archives") == []


def test_credentials_make_no_other_archive(folder: Location) -> None:
    indexes = stored(folder, "https://me:secret@host/a.tar?X-Amz-Signature=1")
    assert indexes.find("https://host/a.tar?X-Amz-Signature=2", ARCHIVE) is not None
    assert indexes.find("https://host/b.tar", ARCHIVE) is None


def test_nothing_is_written_before_writing_begins(folder: Location) -> None:
    indexes = MemberIndexes(folder / "archives")
    indexes.add("/a.tar", ARCHIVE, FOUND, ["a.jpg"])
    assert shards.paths(folder / "archives") == []
    indexes.begin_writing(folder / "removed")
    assert len(shards.paths(folder / "archives")) == 1


def test_names_of_removed_images_are_not_stored(folder: Location) -> None:
    removed.remember(folder / "removed", pa.chunked_array([["a.jpg"]]))
    stored(folder)
    assert shards.paths(folder / "archives") == []


def test_a_damaged_index_is_read_anew(folder: Location) -> None:
    indexes = stored(folder)
    (file,) = shards.paths(folder / "archives")
    file.write_bytes(file.read_bytes()[:-9])
    assert indexes.find("/a.tar", ARCHIVE) is None


def test_all_are_removed(folder: Location) -> None:
    stored(folder).clear()
    assert shards.paths(folder / "archives") == []


def test_headers_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "1.tar").write_bytes(tar_bytes({"a.jpg": b"", "b.txt": b""}))
    (tmp_path / "2.tar").write_bytes(tar_bytes({"a.jpg": b""})[:600])
    read: list[str] = []

    def recording(file: BinaryIO) -> TarMembers:
        read.append(file.name)
        return read_members(file)

    monkeypatch.setattr("osrmac.storage.listing.archives.read_members", recording)

    def listed() -> pa.Table:
        indexes = MemberIndexes(Location.of(tmp_path / "run" / "archives"))
        tables = listing(Location.of(tmp_path), indexes=indexes)
        indexes.begin_writing(Location.of(tmp_path / "run" / "removed"))
        return pa.concat_tables(tables).sort_by("id")

    first = listed()
    assert sorted(Path(name).name for name in read) == ["1.tar", "2.tar"]
    read.clear()
    assert listed().equals(first)
    assert read == []
    (tmp_path / "1.tar").write_bytes(tar_bytes({"c.jpg": b""}))
    assert listed()["id"].to_pylist() == ["1.tar/c.jpg", "2.tar/a.jpg"]
    assert [Path(name).name for name in read] == ["1.tar"]
