"""Locks of the parts of a run: one process writes a part at a time, and the lock of a dead process is taken over.

Whether the holder of a lock is dead is known at once if it ran on this machine. Any other holder is dead if it does not
renew its lock while this process watches, so the clocks of two machines are never compared.
"""

from __future__ import annotations

import datetime
import json
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum

from osrmac.errors import StorageError
from osrmac.progress import note, warn
from osrmac.storage import holder
from osrmac.storage.location import Location
from osrmac.storage.pruning.journal import require_unpruned

__all__ = ["Lock", "Part", "locked", "release_all"]

_RENEW_SECONDS = 10.0
_STALE_SECONDS = 60.0
"""Time without a renewal after which a holder elsewhere is dead; version 0.1.0 renewed its locks every 30 seconds."""

_POLL_SECONDS = 2.0
_SETTLE_SECONDS = 2.0
"""Time after which a write is read back where a storage cannot exclude other writers."""

_held: list[Lock] = []
"""Locks of this process that are being acquired, held or released."""


class Part(StrEnum):
    """Parts of a run that are written independently of each other; the value is the name of the lock file."""

    DESCRIPTORS = "lock.json"
    """The plan and the descriptors."""
    REDUCTIONS = "lock-reductions.json"
    """Reductions and reduced descriptors."""
    EVALUATIONS = "lock-evaluations.json"
    """Cropped queries, scores and tables."""
    REPORT = "lock-report.json"
    CALIBRATION = "lock-calibration.json"
    DUPLICATES = "lock-duplicates.json"
    OVERVIEW = "lock-overview.json"
    INDEX = "lock-index.json"


@contextmanager
def locked(run: Location, part: Part, *, pruning: bool = False) -> Iterator[Lock]:
    """Hold the lock of a part of a run. A thread renews it, so that processes elsewhere see that this one lives.

    If another process takes the lock over because this one was suspended or did not reach the storage for long, the
    block is interrupted like by Ctrl-C (if it runs in the main thread), and `StorageError` is raised.

    Args:
        run: Folder of the run.
        part: Part to write.
        pruning: Whether this is a prune, which alone may write where one was interrupted.

    Raises:
        StorageError: Another process holds the lock, or has taken it over; the message names it. Or a prune was
            interrupted.
    """
    lock = Lock(run, part)
    _held.append(lock)
    try:
        lock.acquire()
        if not pruning:
            require_unpruned(run)
        yield lock
        lock.require_kept()
    except KeyboardInterrupt:
        lock.require_kept()
        raise
    finally:
        try:
            lock.release()
        except KeyboardInterrupt:
            lock.release()
            raise
        _held.remove(lock)


def release_all() -> None:
    """Release all locks of this process, which is about to end, from any thread."""
    for lock in tuple(_held):  # which the main thread may change
        lock.release()


class Lock:
    """A lock of one part of a run, held by this process.

    Args:
        run: Folder of the run.
        part: Part to write.
    """

    def __init__(self, run: Location, part: Part) -> None:
        self._run, self._part, self._file = run, part, run / part
        self._token = uuid.uuid4().hex
        self._successor: str | None = None
        self._released = threading.Event()
        in_main_thread = threading.current_thread() is threading.main_thread()
        self._renewer = threading.Thread(target=self._keep_renewing, args=(in_main_thread,), daemon=True)

    def acquire(self) -> None:
        """Take the lock if it is free or its holder is dead.

        Raises:
            StorageError: The holder lives; the message names it.
        """
        watched, since = None, 0.0
        while not self._take(None):
            found = self._file.read_if_exists()
            if found is None:
                continue
            gone = holder.is_gone(holder.parse(found))
            if gone is False or watched not in (None, found):
                raise StorageError(self._in_use(found))
            if gone or (watched is not None and time.monotonic() - since > _STALE_SECONDS):
                if self._take(found):
                    break
                continue
            if watched is None:
                watched, since = found, time.monotonic()
                other = holder.describe(holder.parse(found))
                note(f"waiting {_STALE_SECONDS:.0f} s for a sign of life of {other}, which holds {self._file}")
            time.sleep(_POLL_SECONDS)
        self._renewer.start()

    def confirm(self) -> None:
        """Check that the lock is still held, right before results are written that another writer must not mix with.

        Raises:
            StorageError: Another process has taken it over.
        """
        found = self._file.read_if_exists()
        if found is not None and not self._is_ours(found):
            self._successor = holder.describe(holder.parse(found))
        self.require_kept()

    def require_kept(self) -> None:
        """Raise a `StorageError` if the lock is known to have been taken over."""
        if self._successor is not None:
            raise StorageError(
                f"{self._successor} has taken over the {self._noun} of {self._run}, because this process did not renew "
                f"its lock for {_STALE_SECONDS:.0f} s: run the same command again when that one has ended"
            )

    def release(self) -> None:
        """Remove the lock unless another process has taken it over."""
        self._released.set()
        acquired = self._renewer.ident is not None
        if acquired:
            self._renewer.join()
        try:
            found = self._file.read_if_exists()
            if found is not None and self._is_ours(found):
                # Remote storage cannot compare and delete in one step: a new renewal keeps others away meanwhile.
                renewed = found if self._file.is_local else self._swap(found)
                if renewed is not None:
                    self._file.remove_if(renewed)
        except StorageError as error:
            if acquired:
                warn(f"{error}; the next command takes the lock over")

    def _keep_renewing(self, interrupt: bool) -> None:
        while not self._released.wait(_RENEW_SECONDS):
            with suppress(StorageError):  # try again after the next wait
                self._renew()
            if self._successor is not None:
                if interrupt and not self._released.is_set() and callable(signal.getsignal(signal.SIGINT)):
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                return

    def _renew(self) -> None:
        """Renew the lock, or write it again if it was deleted; find out if another process has taken it over."""
        while not self._released.is_set():
            found = self._file.read_if_exists()
            if found is not None and not self._is_ours(found):
                self._successor = holder.describe(holder.parse(found))
                return
            if self._swap(found) is not None:
                return

    def _take(self, found: bytes | None) -> bool:
        """Write this process into a lock file that is missing or stale, and return whether it holds the lock now."""
        content = self._swap(found)
        if content is None or self._file.is_conditional():
            return content is not None
        time.sleep(_SETTLE_SECONDS)
        return self._file.read_if_exists() == content

    def _swap(self, found: bytes | None) -> bytes | None:
        """Replace the content of the lock file, None if it is missing; return the new content if that succeeded."""
        now = datetime.datetime.now(datetime.UTC).isoformat()
        content = json.dumps(holder.this_process() | {"time": now, "token": self._token}).encode()
        return content if self._file.swap(found, content) else None

    def _is_ours(self, content: bytes) -> bool:
        return holder.parse(content).get("token") == self._token

    @property
    def _noun(self) -> str:
        return self._part.name.lower()

    def _in_use(self, found: bytes) -> str:
        other = holder.parse(found)
        return (
            f"{self._run} is in use by {holder.describe(other)}, which writes its {self._noun}, seen at "
            f"{other.get('time')}: wait for it, or remove {self._file} if that process is gone"
        )
