"""Processes that race for the stale lock of a run, round after round."""

from __future__ import annotations

import json
import multiprocessing
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from typing import Any

import psutil

from osrmac.errors import StorageError
from osrmac.storage.location import Location
from osrmac.storage.lock import Part, locked

_SECONDS = 120.0
"""Time after which a process that waits for the others gives up."""

_spawn = multiprocessing.get_context("spawn")


def dead_process() -> dict[str, Any]:
    """The holder of a lock, as version 0.1.0 stored it: a process of this machine that has ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = psutil.Process(process.pid).create_time()
        process.communicate(b"\n")
    time = "2026-01-01T00:00:00+00:00"
    return {"host": socket.gethostname(), "pid": process.pid, "started": started, "time": time, "token": "theirs"}


def race(run: str, processes: int, rounds: int) -> Counter[int]:
    """Let processes race to take over a stale lock, and count the rounds by how many of them held it at once.

    In every round, each process tries once. Those that get the lock hold it until all others have tried.

    Args:
        run: Folder or URL of the run.
        processes: Number of processes.
        rounds: Number of rounds.
    """
    file = Location.of(run) / Part.DESCRIPTORS
    stale = json.dumps(dead_process()).encode()
    barrier, results = _spawn.Barrier(processes + 1), _spawn.SimpleQueue()
    children = [_spawn.Process(target=_try_each_round, args=(run, rounds, barrier, results)) for _ in range(processes)]
    for child in children:
        child.start()
    holders: Counter[int] = Counter()
    try:
        for _ in range(rounds):
            file.write_bytes(stale)
            for _ in ("begin", "all have tried", "all have released"):
                barrier.wait(_SECONDS)
            holders[sum(_results(results, processes))] += 1
            file.remove()
    except BaseException:
        barrier.abort()
        raise
    finally:
        for child in children:
            child.join()
    return holders


def _results(results: SimpleQueue[bool | str], processes: int) -> Sequence[bool]:
    received = [results.get() for _ in range(processes)]
    errors = [each for each in received if isinstance(each, str)]
    assert not errors, errors[0]
    return [each is True for each in received]


def _try_each_round(run: str, rounds: int, barrier: Barrier, results: SimpleQueue[bool | str]) -> None:
    place = Location.of(run)
    for _ in range(rounds):
        barrier.wait(_SECONDS)
        try:
            with locked(place, Part.DESCRIPTORS):
                barrier.wait(_SECONDS)
                result: bool | str = True
        except StorageError as error:
            barrier.wait(_SECONDS)
            result = False if "is in use by process" in str(error) else str(error)
        results.put(result)
        barrier.wait(_SECONDS)
