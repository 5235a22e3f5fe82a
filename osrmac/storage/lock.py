"""The lock of a run: one process works on it at a time, and the lock of a dead process is taken over."""

from __future__ import annotations

import datetime
import json
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil

from osrmac.errors import StorageError
from osrmac.storage.location import Location

__all__ = ["locked"]

_REFRESH = datetime.timedelta(seconds=30)
_STALE = datetime.timedelta(minutes=5)


@contextmanager
def locked(run: Location) -> Iterator[None]:
    """Hold the lock of a run; a thread refreshes it, so that others can tell a dead holder from a live one.

    A lost lock does no harm: two processes that describe the same images write the same shards.

    Args:
        run: Folder of the run.

    Raises:
        StorageError: Another process holds the lock; the message names it.
    """
    file = run / "lock.json"
    token = uuid.uuid4().hex
    while not file.create(_holder(token)):
        holder = file.read_json()
        if holder is not None and not _is_stale(holder):
            raise StorageError(
                f"{run} is in use by process {holder['pid']} on {holder['host']}, seen at {holder['time']}: wait for "
                f"it, or remove {file} if that process is gone"
            )
        file.remove()
    done = threading.Event()
    refresher = threading.Thread(target=_refresh, args=(file, token, done), daemon=True)
    refresher.start()
    try:
        yield
    finally:
        done.set()
        refresher.join()
        if _is_ours(file, token):
            file.remove()


def _holder(token: str) -> bytes:
    process = psutil.Process()
    holder = {
        "host": socket.gethostname(),
        "pid": process.pid,
        "started": process.create_time(),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "token": token,
    }
    return json.dumps(holder).encode()


def _is_stale(holder: dict[str, Any]) -> bool:
    if holder["host"] == socket.gethostname():
        return not _is_alive(holder["pid"], holder["started"])
    seen = datetime.datetime.fromisoformat(holder["time"])
    return datetime.datetime.now(datetime.UTC) - seen > _STALE


def _is_alive(pid: int, started: float) -> bool:
    """Return whether a process runs under this number that started at this time: numbers are used again."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _refresh(file: Location, token: str, done: threading.Event) -> None:
    while not done.wait(_REFRESH.total_seconds()):
        with suppress(StorageError):  # try again after the next wait
            if not _is_ours(file, token):
                return
            file.write_bytes(_holder(token))


def _is_ours(file: Location, token: str) -> bool:
    holder = file.read_json()
    return holder is not None and holder["token"] == token
