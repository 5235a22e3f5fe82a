"""The process that holds a lock: how it is recorded, and whether it still runs."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import psutil

__all__ = ["describe", "is_gone", "parse", "this_process"]

_MACHINE = ("host", "machine", "boot", "pid_namespace")
"""Keys that must agree for two processes to see each other under their numbers."""

_DEAD = ("Z", "X", "x")
"""States in /proc of processes that have ended but whose parent has not noticed."""


@cache
def _machine() -> dict[str, str | None]:
    return {
        "host": socket.gethostname(),
        "machine": _read("/etc/machine-id"),
        "boot": _read("/proc/sys/kernel/random/boot_id"),
        "pid_namespace": _link("/proc/self/ns/pid"),
    }


def this_process() -> dict[str, Any]:
    """Return what identifies this process; `started` is for version 0.1.0, `ticks` does not depend on the clock."""
    process = psutil.Process()
    return _machine() | {"pid": process.pid, "started": process.create_time(), "ticks": _start_ticks(process.pid)}


def parse(content: bytes) -> dict[str, Any]:
    """Return the holder that a lock file names; empty if the file is damaged."""
    try:
        holder = json.loads(content)
    except ValueError:
        return {}
    return holder if isinstance(holder, dict) else {}


def is_gone(holder: Mapping[str, Any]) -> bool | None:
    """Return whether a process has ended; None for one of another machine or container, which is not visible here.

    Args:
        holder: Values of `this_process` in that process, or those that version 0.1.0 stored: host, pid and started.
    """
    pid, here = holder.get("pid"), _machine()
    if not isinstance(pid, int) or holder.get("host") != here["host"]:
        return None
    if "boot" not in holder and isinstance(holder.get("started"), int | float):
        return not _has_started(pid, holder["started"])
    if here["boot"] is None or any(holder.get(key) != here[key] for key in _MACHINE):
        return None
    ticks = _start_ticks(pid)
    return ticks is None or (ticks >= 0 and ticks != holder.get("ticks"))


def describe(holder: Mapping[str, Any]) -> str:
    """Return a holder in words.

    >>> describe({"pid": 12, "host": "node3"}), describe({})
    ('process 12 on node3', 'an unknown process')
    """
    return f"process {holder['pid']} on {holder.get('host')}" if "pid" in holder else "an unknown process"


def _start_ticks(pid: int) -> int | None:
    """Return when a process started, in clock ticks since the machine did; None if it has ended, -1 if unknown.

    Unlike times of day, ticks do not change when the clock is set.
    """
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return -1 if _exists(pid) else None
    return None if state in _DEAD else int(fields[18])


def _exists(pid: int) -> bool:
    """Return whether there is a process, even if /proc hides it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _has_started(pid: int, started: float) -> bool:
    """Return whether a process runs that started at this time, to a second: numbers are used again."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ValueError):
        return False


def _read(file: str) -> str | None:
    try:
        return Path(file).read_text().strip()
    except OSError:
        return None


def _link(file: str) -> str | None:
    try:
        return str(Path(file).readlink())
    except OSError:
        return None
