import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from osrmac.errors import StorageError
from osrmac.storage import holder, lock
from osrmac.storage.location import Location
from osrmac.storage.lock import Part, locked
from tests.lock_race import dead_process, race


def hold(run: Location, part: Part = Part.DESCRIPTORS) -> None:
    """Take the lock of a run and release it again."""
    with locked(run, part):
        pass


def leave_lock(run: Path, **differences: Any) -> None:
    """Write the lock of this process, with some differences, as if another process had left it: in one step."""
    values = holder.this_process() | {"time": "2026-01-01T00:00:00+00:00", "token": "theirs"}
    (run / "lock").write_text(json.dumps(values | differences))
    (run / "lock").replace(run / "lock.json")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks that are renewed, polled and stale within fractions of a second."""
    monkeypatch.setattr(lock, "_RENEW_SECONDS", 0.01)
    monkeypatch.setattr(lock, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(lock, "_STALE_SECONDS", 0.1)


def test_a_lock_is_exclusive_and_removed_afterwards(folder: Location) -> None:
    with (
        locked(folder, Part.DESCRIPTORS),
        pytest.raises(StorageError, match=f"process {os.getpid()} on {socket.gethostname()}, .* its descrip") as caught,
    ):
        hold(folder)
    assert "\n" not in str(caught.value)
    assert not folder.files()


def test_parts_are_locked_independently(tmp_path: Path) -> None:
    run = Location.of(tmp_path)
    with locked(run, Part.DESCRIPTORS), locked(run, Part.REPORT), pytest.raises(StorageError, match="its report"):
        hold(run, Part.REPORT)


def test_a_lock_is_released_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), locked(Location.of(tmp_path), Part.DESCRIPTORS):
        raise RuntimeError
    hold(Location.of(tmp_path))


def test_a_second_interrupt_leaves_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, interrupts = Location.read_if_exists, [KeyboardInterrupt()]

    def interrupted(file: Location) -> bytes | None:
        if interrupts:
            raise interrupts.pop()
        return read(file)

    with pytest.raises(KeyboardInterrupt), locked(Location.of(tmp_path), Part.DESCRIPTORS):  # noqa: PT012
        monkeypatch.setattr(Location, "read_if_exists", interrupted)
        raise KeyboardInterrupt
    assert not interrupts
    assert not list(tmp_path.iterdir())


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from osrmac.storage.location import Location\n"
        "from osrmac.storage.lock import Part, locked\n"
        "with locked(Location.of(sys.argv[1]), Part.DESCRIPTORS):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert (tmp_path / "lock.json").exists()
    with locked(Location.of(tmp_path), Part.DESCRIPTORS):
        assert json.loads((tmp_path / "lock.json").read_text())["pid"] == os.getpid()


def test_one_of_several_processes_takes_over_a_stale_lock(tmp_path: Path) -> None:
    assert race(str(tmp_path), processes=5, rounds=60) == {1: 60}


def test_the_lock_of_a_process_whose_number_is_used_again_is_stale(tmp_path: Path) -> None:
    leave_lock(tmp_path, ticks=1)
    hold(Location.of(tmp_path))


def test_setting_the_clock_does_not_make_a_lock_stale(tmp_path: Path) -> None:
    leave_lock(tmp_path, started=1.0)
    with pytest.raises(StorageError, match="in use"):
        hold(Location.of(tmp_path))


def test_a_suspended_process_keeps_its_lock_and_a_dead_child_does_not(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        leave_lock(tmp_path, pid=child.pid, ticks=holder._start_ticks(child.pid))
        child.send_signal(signal.SIGSTOP)
        with pytest.raises(StorageError, match=f"process {child.pid}"):
            hold(Location.of(tmp_path))
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it is dead, but still has its number
        hold(Location.of(tmp_path))


def test_locks_of_version_0_1_0_are_understood(tmp_path: Path) -> None:
    stored = dead_process()
    (tmp_path / "lock.json").write_text(json.dumps(stored))
    hold(Location.of(tmp_path))
    alive = {key: holder.this_process()[key] for key in ("host", "pid", "started")}
    (tmp_path / "lock.json").write_text(json.dumps(stored | alive))
    with pytest.raises(StorageError, match=f"process {os.getpid()} "):
        hold(Location.of(tmp_path))


@pytest.mark.parametrize(
    "elsewhere", [{"host": "elsewhere"}, {"boot": "another"}, {"pid_namespace": "pid:[1]"}, {"machine": "another"}]
)
def test_a_lock_held_elsewhere_is_stale_if_nobody_renews_it(
    elsewhere: dict[str, str], tmp_path: Path, hasty: None, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_lock(tmp_path, **elsewhere, time="2999-01-01T00:00:00+00:00", pid=1)  # a clock that is far ahead
    started = time.monotonic()
    hold(Location.of(tmp_path))
    assert time.monotonic() - started > lock._STALE_SECONDS
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("waiting 0 s for a sign of life of process 1 on ")


def test_a_lock_held_elsewhere_is_respected_if_it_is_renewed(
    tmp_path: Path, hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_STALE_SECONDS", 60.0)
    leave_lock(tmp_path, host="elsewhere", time="1970-01-01T00:00:00+00:00")  # a clock that is far behind
    renewal = threading.Timer(0.2, leave_lock, [tmp_path], {"host": "elsewhere", "time": "1970-01-01T00:00:10+00:00"})
    renewal.start()
    with pytest.raises(StorageError, match=r"process \d+ on elsewhere"):
        hold(Location.of(tmp_path))
    renewal.join()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": "x"}', '{"pid": 1e99, "host": 3}', "\0"])
def test_a_damaged_lock_is_taken_over_if_nobody_renews_it(content: str, tmp_path: Path, hasty: None) -> None:
    (tmp_path / "lock.json").write_text(content)
    hold(Location.of(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_lock_is_renewed_when_the_storage_recovers(
    tmp_path: Path, hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed, swap = threading.Event(), Location.swap

    def failing(file: Location, expected: bytes | None, content: bytes) -> bool:
        if down:
            raise StorageError(down.pop())
        renewed.set()
        return swap(file, expected, content)

    down = ["cannot write lock.json"]
    with locked(Location.of(tmp_path), Part.DESCRIPTORS):
        before = (tmp_path / "lock.json").read_bytes()
        monkeypatch.setattr(Location, "swap", failing)
        assert renewed.wait(60)
    assert not down
    assert before


def test_a_lock_that_was_deleted_is_written_again(tmp_path: Path, hasty: None) -> None:
    with locked(Location.of(tmp_path), Part.DESCRIPTORS):
        (tmp_path / "lock.json").unlink()
        while not (tmp_path / "lock.json").exists():
            time.sleep(0.01)


def test_a_lock_that_another_process_has_taken_over_ends_the_work(tmp_path: Path, hasty: None) -> None:
    ended = False
    with (  # noqa: PT012
        pytest.raises(StorageError, match=r"process 7 on elsewhere has taken over the descriptors of .* same command"),
        locked(Location.of(tmp_path), Part.DESCRIPTORS),
    ):
        leave_lock(tmp_path, host="elsewhere", pid=7)
        time.sleep(60)
        ended = True
    assert not ended
    assert json.loads((tmp_path / "lock.json").read_text())["host"] == "elsewhere"


def test_results_are_not_written_under_a_lock_that_was_taken_over(tmp_path: Path) -> None:
    with (  # noqa: PT012
        pytest.raises(StorageError, match="on elsewhere has taken over the report"),
        locked(Location.of(tmp_path), Part.REPORT) as held,
    ):
        held.confirm()
        (tmp_path / "lock-report.json").write_text(json.dumps({"host": "elsewhere", "pid": 7, "token": "theirs"}))
        held.confirm()
    assert (tmp_path / "lock-report.json").exists()
