import errno
import fcntl
import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import fsspec
import pytest
from botocore.exceptions import ClientError
from fsspec.implementations.memory import MemoryFileSystem

from osrmac.storage import conditional, lock
from osrmac.storage.location import Location
from osrmac.storage.lock import Part, locked


class _Unconditional(MemoryFileSystem):  # type: ignore[misc]
    """Refuses conditional writes, as S3 servers do that do not implement them."""

    protocol = "unconditional"
    competitor: ClassVar[bytes | None] = None
    """Content that another process writes right after each write."""

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite") -> None:
        if mode == "create":
            raise OSError(errno.ENOSYS, "Conditional object PUTs are not supported.")
        super().pipe_file(path, value)
        if self.competitor is not None:
            super().pipe_file(path, self.competitor)


@pytest.fixture
def unconditional(monkeypatch: pytest.MonkeyPatch) -> Iterator[Location]:
    """An empty folder of a store without conditional writes, which this process does not know yet."""
    fsspec.register_implementation("unconditional", _Unconditional, clobber=True)
    monkeypatch.setattr(conditional, "_unconditional", set())
    monkeypatch.setattr(lock, "_SETTLE_SECONDS", 0.1)
    yield Location.of("unconditional://run")
    MemoryFileSystem.store.clear()


def test_a_file_is_replaced_only_if_its_content_is_as_expected(folder: Location) -> None:
    file = folder / "file"
    assert not file.swap(b"old", b"new")
    assert not file.exists()
    file.write_bytes(b"old")
    assert not file.swap(b"older", b"new")
    assert not file.swap(None, b"new")
    assert file.read_bytes() == b"old"
    assert file.swap(b"old", b"new")
    assert file.read_bytes() == b"new"
    assert folder.files() == [file]
    file.remove_if(b"old")
    assert file.exists()
    file.remove_if(b"new")
    file.remove_if(b"new")
    assert not file.exists()


def test_a_file_that_was_replaced_while_its_lock_was_awaited_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"old")
    with file.open("rb") as held:
        (tmp_path / "new").write_bytes(b"old")
        (tmp_path / "new").replace(file)
        assert not conditional._is_current(held, file)
        file.unlink()
        assert not conditional._is_current(held, file)


def count(file: str, times: int) -> None:
    for _ in range(times):
        Location.of(file).update_json(lambda found: {"count": (found or {"count": 0})["count"] + 1})


def test_no_update_of_several_processes_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "count.json"
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=count, args=(str(file), 100)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert Location.of(file).read_json() == {"count": 200}


def test_the_last_writer_wins_without_conditional_writes(
    unconditional: Location, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, contested = unconditional / "lock", unconditional / "contested"
    assert file.is_conditional()
    assert file.create(b"first")
    assert not file.is_conditional()
    assert not file.create(b"second")
    assert file.swap(b"first", b"third")
    assert file.read_bytes() == b"third"
    monkeypatch.setattr(_Unconditional, "competitor", b"theirs")
    assert not contested.create(b"ours")
    assert contested.read_bytes() == b"theirs"
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("the store of unconditional://run/lock has no conditional writes")


def test_a_lock_is_read_back_after_a_while_without_conditional_writes(
    unconditional: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_writer(_seconds: float) -> None:
        file.write_bytes(b'{"host": "elsewhere", "pid": 7}')
        monkeypatch.setattr(lock, "_STALE_SECONDS", 0.0)

    file = unconditional / Part.DESCRIPTORS
    monkeypatch.setattr("osrmac.storage.lock.time.sleep", other_writer)
    taken = lock.Lock(unconditional, Part.DESCRIPTORS)
    assert not taken._take(None)
    assert file.read_json() == {"host": "elsewhere", "pid": 7}


def test_without_file_locks_a_local_file_is_still_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(conditional, "_unconditional", set())
    monkeypatch.setattr(lock, "_SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(fcntl, "flock", refuse)
    file = Location.of(tmp_path / "file")
    file.write_bytes(b"old")
    assert not file.swap(b"older", b"new")
    assert file.swap(b"old", b"new")
    with locked(Location.of(tmp_path), Part.DESCRIPTORS):
        pass
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"the file system of {file} has no conditional writes")


def test_a_failed_precondition_is_recognised_by_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        status = {"Error": {"Code": "PreconditionFailed"}, "ResponseMetadata": {"HTTPStatusCode": 412}}
        raise OSError(errno.EINVAL, "a pre-condition did not hold") from ClientError(status, "PutObject")

    Location.of("memory://held/lock").write_bytes(b"theirs")
    monkeypatch.setattr(MemoryFileSystem, "pipe_file", refuse)
    assert not Location.of("memory://held/lock").create(b"ours")
    assert not Location.of("memory://released/lock").create(b"ours")
