import os
import pickle
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from osrmac.errors import ConfigError, StorageError
from osrmac.storage.location import Location


def test_an_empty_path_is_not_the_current_folder() -> None:
    with pytest.raises(ConfigError, match="a path is empty"):
        Location.of("")


def test_a_local_location_is_an_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    location = Location.of("run") / "run.json"
    assert location == Location.of(tmp_path / "run" / "run.json")
    assert (location.url, location.name, location.is_local) == (f"{tmp_path}/run/run.json", "run.json", True)
    assert os.fspath(location) == str(location) == location.url


def test_a_remote_location_keeps_its_url_and_is_no_path() -> None:
    location = Location.of("memory://bucket/run/") / "run.json"
    assert (location.url, location.name, location.is_local) == ("memory://bucket/run/run.json", "run.json", False)
    with pytest.raises(StorageError, match="not a local file"):
        os.fspath(location)


def test_a_location_below_another_shares_its_file_system(folder: Location) -> None:
    assert (folder / "a" / "b").fs is folder.fs


def test_locations_are_compared_ordered_and_hashed_by_url(folder: Location) -> None:
    first, second = folder / "a", folder / "b"
    assert sorted([second, first]) == [first, second]
    assert len({first, folder / "a", second}) == 2


def test_a_pickled_location_is_opened_again(folder: Location) -> None:
    (folder / "a.bin").write_bytes(b"content")
    copy = pickle.loads(pickle.dumps(folder / "a.bin"))
    assert copy == folder / "a.bin"
    assert copy.read_bytes() == b"content"


def test_a_pickled_s3_location_keeps_its_retry_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    location = Location.of("s3://bucket/key")
    attempts = location.fs.retries
    pickled = pickle.dumps(location)
    location.fs.retries = 5  # as in a process that has not opened it yet
    assert pickle.loads(pickled).fs.retries == attempts > 5


def test_written_content_is_read_back(folder: Location) -> None:
    (folder / "a" / "b.bin").write_bytes(b"content")
    assert (folder / "a" / "b.bin").read_bytes() == b"content"
    with (folder / "a" / "b.bin").open() as file:
        file.seek(3)
        assert file.read() == b"tent"


def test_a_file_is_replaced(folder: Location) -> None:
    (folder / "a.bin").write_bytes(b"old")
    (folder / "a.bin").write_bytes(b"new")
    assert (folder / "a.bin").read_bytes() == b"new"
    assert folder.files() == [folder / "a.bin"]


def test_a_failed_write_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Location.of(tmp_path / "a.bin")
    file.write_bytes(b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left") as caught:
        file.write_bytes(b"new")
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [tmp_path / "a.bin"]


def test_visible_files_are_listed_in_order_of_name(folder: Location) -> None:
    for name in ("b.json", "a.json", "c.txt", ".hidden.json", "below/d.json"):
        (folder / name).write_bytes(b"{}")
    assert folder.files(".json") == [folder / "a.json", folder / "b.json"]


def test_a_missing_folder_has_no_files(folder: Location) -> None:
    assert (folder / "nowhere").files() == []


def test_a_file_is_created_only_if_it_does_not_exist(folder: Location) -> None:
    lock = folder / "lock"
    assert not lock.exists()
    assert lock.create(b"first")
    assert lock.exists()
    assert not lock.create(b"second")
    assert lock.read_bytes() == b"first"
    lock.remove()
    lock.remove()
    assert lock.create(b"third")


def test_a_storage_error_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(5, "Input/output error\nand more")

    monkeypatch.setattr(MemoryFileSystem, "cat_file", fail)
    with pytest.raises(StorageError, match=r"cannot access memory://a/b: .*Input/output error") as caught:
        Location.of("memory://a/b").read_bytes()
    assert "\n" not in str(caught.value)


def test_unfinished_writes_are_removed(tmp_path: Path) -> None:
    hexadecimal = "0123456789abcdef" * 2
    for name in (
        f".part-1.parquet.{hexadecimal}",
        f".run.json.{hexadecimal}",
        "part-1.parquet",
        ".keep",
        ".a.jpg.0a1b",
    ):
        (tmp_path / name).write_bytes(b"")
    folder = Location.of(tmp_path)
    folder.remove_unfinished(min_age=60)
    assert len(list(tmp_path.iterdir())) == 5
    folder.remove_unfinished()
    assert {file.name for file in tmp_path.iterdir()} == {"part-1.parquet", ".keep", ".a.jpg.0a1b"}
    (folder / "missing").remove_unfinished()


def test_json_is_read_back(folder: Location) -> None:
    assert (folder / "run.json").read_json() is None
    (folder / "run.json").write_json({"name": "Zürich", "counts": [1, 2]})
    assert (folder / "run.json").read_json() == {"name": "Zürich", "counts": [1, 2]}


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff"])
def test_a_file_without_a_json_object_is_refused(folder: Location, content: bytes) -> None:
    (folder / "run.json").write_bytes(content)
    with pytest.raises(StorageError, match=r"run\.json"):
        (folder / "run.json").read_json()


def test_folders_are_listed_without_files_and_hidden_ones(folder: Location) -> None:
    assert folder.folders() == []
    for name in ("b/x", "a/x", ".hidden/x", "file"):
        (folder / name).write_bytes(b"")
    assert folder.folders() == [folder / "a", folder / "b"]
