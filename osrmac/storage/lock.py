"""One process at a time works on a run; what a dead one has left behind is taken over."""

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
from osrmac.storage import filesystem

__all__ = ["locked"]

_REFRESH = datetime.timedelta(seconds=30)
_STALE = datetime.timedelta(minutes=5)


@contextmanager
def locked(run: str) -> Iterator[None]:
    """Hold the lock of a run; it is refreshed now and then, so that a holder that died is told from one at work.

    Losing it harms nothing: two processes that describe the same images write the same shards.

    Args:
        run: Folder or URL of the run.

    Raises:
        StorageError: Another process holds it; the message says which.
    """
    url = filesystem.join(run, "lock.json")
    token = uuid.uuid4().hex
    while not filesystem.create(url, _holder(token)):
        holder = filesystem.read_json(url)
        if holder is not None and not _is_stale(holder):
            raise StorageError(
                f"{run} is in use by process {holder['pid']} on {holder['host']}, seen at {holder['time']}: wait for "
                f"it, or remove {url} if that process is gone"
            )
        filesystem.remove(url)
    done = threading.Event()
    refresher = threading.Thread(target=_refresh, args=(url, token, done), daemon=True)
    refresher.start()
    try:
        yield
    finally:
        done.set()
        refresher.join()
        if _is_ours(url, token):
            filesystem.remove(url)


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
    """Whether the process of this number is still the one that started then."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _refresh(url: str, token: str, done: threading.Event) -> None:
    while not done.wait(_REFRESH.total_seconds()):
        with suppress(StorageError):  # the storage may be back the next time
            if not _is_ours(url, token):
                return
            filesystem.write_atomically(url, _holder(token))


def _is_ours(url: str, token: str) -> bool:
    holder = filesystem.read_json(url)
    return holder is not None and holder["token"] == token
