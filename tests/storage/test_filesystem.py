import errno
import os
from pathlib import Path
from typing import ClassVar

import fsspec
import pytest
from botocore.exceptions import ClientError
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st

from osrmac.errors import StorageError
from osrmac.storage import filesystem


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "local" else f"memory://{tmp_path.name}"


def test_what_is_written_is_read_back(folder: str) -> None:
    filesystem.write_atomically(f"{folder}/a/b.bin", b"content")
    assert filesystem.read_bytes(f"{folder}/a/b.bin") == b"content"


def test_a_file_is_replaced(folder: str) -> None:
    filesystem.write_atomically(f"{folder}/a.bin", b"old")
    filesystem.write_atomically(f"{folder}/a.bin", b"new")
    assert filesystem.read_bytes(f"{folder}/a.bin") == b"new"
    assert filesystem.list_folder(folder) == [f"{folder}/a.bin"]


def test_a_write_that_fails_leaves_the_old_file_and_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filesystem.write_atomically(str(tmp_path / "a.bin"), b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left") as caught:
        filesystem.write_atomically(str(tmp_path / "a.bin"), b"new")
    assert "\n" not in str(caught.value)
    assert (tmp_path / "a.bin").read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [tmp_path / "a.bin"]


def test_a_folder_lists_its_visible_files_by_name(folder: str) -> None:
    for name in ("b.json", "a.json", "c.txt", ".hidden.json", "below/d.json"):
        filesystem.write_atomically(f"{folder}/{name}", b"{}")
    assert filesystem.list_folder(folder, ".json") == [f"{folder}/a.json", f"{folder}/b.json"]


def test_a_missing_folder_lists_nothing(folder: str) -> None:
    assert filesystem.list_folder(f"{folder}/nowhere") == []


def test_a_file_is_created_once(folder: str) -> None:
    assert not filesystem.exists(f"{folder}/lock")
    assert filesystem.create(f"{folder}/lock", b"first")
    assert filesystem.exists(f"{folder}/lock")
    assert not filesystem.create(f"{folder}/lock", b"second")
    assert filesystem.read_bytes(f"{folder}/lock") == b"first"
    filesystem.remove(f"{folder}/lock")
    filesystem.remove(f"{folder}/lock")
    assert filesystem.create(f"{folder}/lock", b"third")


class _Unconditional(MemoryFileSystem):  # type: ignore[misc]
    """Refuses to write on a condition, as S3 servers that do not know of it do."""

    protocol = "unconditional"
    interloper: ClassVar[bytes | None] = None

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite") -> None:
        if mode == "create":
            raise OSError(errno.ENOSYS, "Conditional object PUTs are not supported.")
        super().pipe_file(path, value)
        if self.interloper is not None:
            super().pipe_file(path, self.interloper)


def test_without_conditional_writes_the_last_writer_has_created_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec.register_implementation("unconditional", _Unconditional, clobber=True)
    assert filesystem.create("unconditional://run/lock", b"first")
    assert not filesystem.create("unconditional://run/lock", b"second")
    assert filesystem.read_bytes("unconditional://run/lock") == b"first"
    monkeypatch.setattr(_Unconditional, "interloper", b"theirs")
    assert not filesystem.create("unconditional://run/contested", b"ours")
    assert filesystem.read_bytes("unconditional://run/contested") == b"theirs"


def test_a_refusal_that_does_not_name_the_condition_is_known_by_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        status = {"Error": {"Code": "PreconditionFailed"}, "ResponseMetadata": {"HTTPStatusCode": 412}}
        raise OSError(errno.EINVAL, "a pre-condition did not hold") from ClientError(status, "PutObject")

    filesystem.write_atomically("memory://held/lock", b"theirs")
    monkeypatch.setattr(MemoryFileSystem, "pipe_file", refuse)
    assert not filesystem.create("memory://held/lock", b"ours")
    assert not filesystem.create("memory://released/lock", b"ours")


def test_a_storage_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(5, "Input/output error\nand more")

    monkeypatch.setattr(MemoryFileSystem, "cat_file", fail)
    with pytest.raises(StorageError, match=r"cannot access memory://a/b: .*Input/output error") as caught:
        filesystem.read_bytes("memory://a/b")
    assert "\n" not in str(caught.value)


def test_traces_of_killed_writes_are_removed(tmp_path: Path) -> None:
    for name in (".part-1.parquet.0a1b", "part-1.parquet", ".keep"):
        (tmp_path / name).write_bytes(b"")
    filesystem.remove_traces(str(tmp_path))
    assert {file.name for file in tmp_path.iterdir()} == {"part-1.parquet", ".keep"}


def test_texts_of_a_folder_are_known_by_name(folder: str) -> None:
    filesystem.write_atomically(f"{folder}/q_good.txt", b"a\nb")
    filesystem.write_atomically(f"{folder}/notes.md", b"-")
    assert filesystem.read_texts(folder) == {"q_good.txt": "a\nb"}
    assert filesystem.read_texts(f"{folder}/notes.md") == {"notes.md": "-"}


def test_a_byte_order_mark_is_no_part_of_a_text(folder: str) -> None:
    filesystem.write_atomically(f"{folder}/a.csv", "\ufeffid,group\n".encode())
    assert filesystem.read_texts(f"{folder}/a.csv") == {"a.csv": "id,group\n"}


def test_a_missing_text_and_one_that_is_no_text_are_refused(folder: str) -> None:
    filesystem.write_atomically(f"{folder}/a.csv", b"\xff\xfe\x00")
    with pytest.raises(StorageError, match="no UTF-8"):
        filesystem.read_texts(f"{folder}/a.csv")
    with pytest.raises(StorageError, match="does not exist"):
        filesystem.read_texts(f"{folder}/b.csv")


def test_json_survives(folder: str) -> None:
    assert filesystem.read_json(f"{folder}/run.json") is None
    filesystem.write_json(f"{folder}/run.json", {"name": "Zürich", "counts": [1, 2]})
    assert filesystem.read_json(f"{folder}/run.json") == {"name": "Zürich", "counts": [1, 2]}


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff"])
def test_a_file_that_is_no_json_object_is_refused(folder: str, content: bytes) -> None:
    filesystem.write_atomically(f"{folder}/run.json", content)
    with pytest.raises(StorageError, match=r"run\.json"):
        filesystem.read_json(f"{folder}/run.json")


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(StorageError, match="carrier-pigeon"):
        filesystem.file_system("carrier-pigeon://coop/a.jpg")


names = st.lists(st.sampled_from([b"\\", b"x", b"\xe9", b"e9", b"\xc3\xa9", b"%"]), max_size=8).map(b"".join)


@given(names, names)
def test_different_names_are_spelled_differently_and_a_unicode_one_as_it_is(one: bytes, other: bytes) -> None:
    to_unicode = [filesystem.to_unicode(os.fsdecode(name)) for name in (one, other)]
    assert (to_unicode[0] == to_unicode[1]) == (one == other)
    if b"\\x" not in one and os.fsdecode(one).isprintable():
        assert to_unicode[0].encode() == one


@given(names)
def test_the_url_of_a_file_names_its_bytes(name: bytes) -> None:
    url = filesystem.file_url(os.fsdecode(b"/a/" + name))
    assert url.isascii()
    assert os.fsencode(filesystem.file_system(url)[1]) == b"/a/" + name or not name
