import datetime
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from osrmac.errors import StorageError
from osrmac.storage import lock
from osrmac.storage.location import Location
from osrmac.storage.lock import locked


def leave_lock(run: Path, **differences: Any) -> None:
    """Write the lock of this process, with some differences, as if another process had left it."""
    now = datetime.datetime.now(datetime.UTC)
    holder = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
        "time": now.isoformat(),
        "token": "theirs",
    }
    (run / "lock.json").write_text(json.dumps(holder | differences))


def test_a_lock_is_exclusive_and_removed_afterwards(tmp_path: Path) -> None:
    with (
        locked(Location.of(tmp_path)),
        pytest.raises(StorageError, match=f"process {os.getpid()} on {socket.gethostname()}") as caught,
        locked(Location.of(tmp_path)),
    ):
        pass
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_lock_is_released_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), locked(Location.of(tmp_path)):
        raise RuntimeError
    with locked(Location.of(tmp_path)):
        pass


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from osrmac.storage.location import Location\n"
        "from osrmac.storage.lock import locked\n"
        "with locked(Location.of(sys.argv[1])):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert (tmp_path / "lock.json").exists()
    with locked(Location.of(tmp_path)):
        assert json.loads((tmp_path / "lock.json").read_text())["pid"] == os.getpid()


def test_the_lock_of_a_process_whose_number_is_used_again_is_stale(tmp_path: Path) -> None:
    leave_lock(tmp_path, started=1.0)
    with locked(Location.of(tmp_path)):
        pass


def test_the_lock_of_another_machine_is_stale_unless_it_is_refreshed(tmp_path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC)
    leave_lock(tmp_path, host="elsewhere", time=(now - datetime.timedelta(minutes=2)).isoformat())
    with pytest.raises(StorageError, match="on elsewhere"), locked(Location.of(tmp_path)):
        pass
    leave_lock(tmp_path, host="elsewhere", time=(now - datetime.timedelta(minutes=6)).isoformat())
    with locked(Location.of(tmp_path)):
        pass


def test_a_lock_is_refreshed_when_the_storage_recovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refreshed = threading.Event()

    def write(_file: Location, _content: bytes) -> None:
        if down:
            raise StorageError(down.pop())
        refreshed.set()

    down = ["cannot write lock.json"]
    monkeypatch.setattr(lock, "_REFRESH", datetime.timedelta(milliseconds=1))
    monkeypatch.setattr(Location, "write_bytes", write)
    with locked(Location.of(tmp_path)):
        assert refreshed.wait(60)
    assert not down


def test_a_lock_that_another_process_has_taken_over_is_not_removed(tmp_path: Path) -> None:
    with locked(Location.of(tmp_path)):
        leave_lock(tmp_path, host="elsewhere")
    assert json.loads((tmp_path / "lock.json").read_text())["host"] == "elsewhere"
