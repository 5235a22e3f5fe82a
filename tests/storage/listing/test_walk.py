import datetime
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import s3fs
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from osrmac.storage.listing.walk import File, local_file, version, walk


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("top.jpg", "one/a.jpg", "one/two/b.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def found(folder: Path, depth: int | None = None) -> list[str]:
    return sorted(file.path.removeprefix(f"{folder}/") for file in walk(LocalFileSystem(), str(folder), depth))


def test_a_local_file_has_size_and_time(tree: Path) -> None:
    os.utime(tree / "one/two/b.jpg", (1.5, 2.5))
    (file,) = walk(LocalFileSystem(), str(tree / "one/two"))
    time = datetime.datetime.fromtimestamp(2.5, datetime.UTC)
    assert file == File(str(tree / "one/two/b.jpg"), len("one/two/b.jpg"), None, time)


@pytest.mark.parametrize(
    ("depth", "names"),
    [
        (1, ["top.jpg"]),
        (2, ["one/a.jpg", "top.jpg"]),
        (3, ["one/a.jpg", "one/two/b.jpg", "top.jpg"]),
        (None, ["one/a.jpg", "one/two/b.jpg", "top.jpg"]),
    ],
)
def test_folders_are_listed_down_to_a_depth(tree: Path, depth: int | None, names: list[str]) -> None:
    assert found(tree, depth) == names
    memory = MemoryFileSystem()
    for name in ("top.jpg", "one/a.jpg", "one/two/b.jpg"):
        memory.pipe_file(f"/tree/{name}", b"-")
    assert sorted(file.path.removeprefix("/tree/") for file in walk(memory, "/tree", depth)) == names
    memory.rm("/tree", recursive=True)


def test_links_are_followed_to_files_and_folders(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "c.jpg").write_bytes(b"four")
    (tree / "linked.jpg").symlink_to(elsewhere / "c.jpg")
    (tree / "linked").symlink_to(elsewhere)
    sizes = {file.path.removeprefix(f"{tree}/"): file.size for file in walk(LocalFileSystem(), str(tree))}
    assert sizes["linked.jpg"] == sizes["linked/c.jpg"] == 4


def test_circular_links_are_not_followed(tree: Path) -> None:
    before = found(tree)
    (tree / "one/two/up").symlink_to(tree)
    (tree / "one/there").symlink_to(tree / "one/two")
    (tree / "one/two/back").symlink_to(tree / "one")
    assert found(tree) == sorted([*before, "one/there/b.jpg"])


def test_a_broken_link_is_a_file_without_a_version(tree: Path) -> None:
    (tree / "one/two/lost.jpg").symlink_to(tree / "gone.jpg")
    (tree / "one/two/itself.jpg").symlink_to(tree / "one/two/itself.jpg")
    lost = {file for file in walk(LocalFileSystem(), str(tree / "one/two")) if file.size is None}
    assert lost == {File(str(tree / "one/two/lost.jpg")), File(str(tree / "one/two/itself.jpg"))}


def test_pipes_are_marked(tree: Path) -> None:
    os.mkfifo(tree / "pipe.jpg")
    marked = [file for file in walk(LocalFileSystem(), str(tree)) if file.is_special]
    assert marked == [File(str(tree / "pipe.jpg"), is_special=True)]


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """Run as another user than root, who may read everything."""
    user = os.geteuid()
    os.seteuid(65534 if user == 0 else user)
    yield
    os.seteuid(user)


def test_a_folder_that_cannot_be_read_is_an_error(unprivileged: None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "closed").mkdir(mode=0)
        (Path(folder) / "a.jpg").touch()
        with pytest.raises(PermissionError, match="closed"):
            found(Path(folder))


def test_a_missing_folder_is_an_error(tree: Path) -> None:
    for fs, path in ((LocalFileSystem(), tree / "nowhere"), (LocalFileSystem(), tree / "top.jpg")):
        with pytest.raises(FileNotFoundError):
            walk(fs, str(path))
    with pytest.raises(FileNotFoundError):
        walk(MemoryFileSystem(), "/nowhere")


def test_a_bucket_is_listed_page_by_page(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    fs = s3fs.S3FileSystem()
    keys = [f"photos/{number}.jpg" for number in range(5)] + ["photos/deep/er/x.jpg", "photos/deep/y.jpg"]
    for key in [*keys, "photos", "photos-of-others/z.jpg"]:
        fs.pipe_file(f"archive/{key}", key.encode())
    requests = []
    call = fs.call_s3

    def counted(method: str, **request: str) -> object:
        requests.append(request)
        return call(method, **request)

    monkeypatch.setattr(fs, "call_s3", counted)
    files = walk(fs, "archive/photos")
    first = next(files)
    assert len(requests) == 1
    assert (first.path, first.size) == ("archive/photos/0.jpg", 12)
    assert first.etag == fs.info("archive/photos/0.jpg")["ETag"].strip('"')
    assert first.mtime == fs.info("archive/photos/0.jpg")["LastModified"]
    assert sorted([first.path, *(file.path for file in files)]) == sorted(f"archive/{key}" for key in keys)
    assert len(requests) == 3
    assert [file.path for file in walk(fs, "archive/photos", 1)] == [f"archive/{key}" for key in keys[:5]]
    assert sum(1 for _ in walk(fs, "archive")) == len(keys) + 2
    fs.pipe_file("archive/photos/empty/", b"")
    assert sum(1 for _ in walk(fs, "archive")) == len(keys) + 2
    for nowhere in ("archive/nowhere", "archive/photos/0.jpg", "no-such-bucket", "no-such-bucket/photos"):
        with pytest.raises(FileNotFoundError):
            walk(fs, nowhere)


@pytest.mark.parametrize("mtime", [1e12, -1e12, float("inf")])
def test_a_time_that_no_calendar_has_is_unknown(mtime: float) -> None:
    assert version("far.jpg", {"size": 3, "mtime": mtime}) == File("far.jpg", 3)


@pytest.mark.parametrize("path", ["{}/missing", "{}", "{}/pipe", "a\0b", "s3://bucket/key"])
def test_only_regular_files_have_a_version(tmp_path: Path, path: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert local_file(path.format(tmp_path))[1:] == (None, None, None, False)
