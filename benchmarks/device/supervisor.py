"""Run the sections one after the other, each in a process of its own with a time limit."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import psutil

from benchmarks.common import ROOT
from benchmarks.device.results import Results
from benchmarks.device.settings import Settings

__all__ = ["LIMITS", "run_all"]

LIMITS = {
    "machine": 40,
    "tests": 100,
    "agreement": 140,
    "throughput": 170,
    "sharing": 90,
    "pipeline": 130,
    "memory": 60,
    "peers": 50,
    "search": 120,
    "host": 50,
    "network": 160,
}
"""Sections in their order, with the seconds that each may take. Most take less."""

_TINY_LIMIT = 150
_SHORTEST = 8


def run_all(folder: Path, settings: Settings, sections: list[str], seconds: float) -> Results:
    """Run sections and write `device.json` and `device.log` into a folder.

    Args:
        folder: Folder for the files.
        settings: Options of the sections.
        sections: Names of the sections.
        seconds: Time limit of all sections together.
    """
    folder.mkdir(parents=True, exist_ok=True)
    results, deadline = Results(folder / "device.json"), time.monotonic() + seconds
    with (folder / "device.log").open("ab") as log:
        for section in sections:
            results.clear(section)
            limit = min(settings.pick(LIMITS[section], _TINY_LIMIT), deadline - time.monotonic())
            started = time.monotonic()
            error = _run(section, results, settings, limit, log.fileno()) if limit > _SHORTEST else "no time is left"
            if error:
                results.add(section, "error", error)
            results.add(section, "seconds", round(time.monotonic() - started, 1))
            print(f"{section}: {error or 'done'}, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return results


def _run(section: str, results: Results, settings: Settings, limit: float, log: int) -> str | None:
    """Run one section, and return why it failed as a whole, on one line."""
    words = [section, str(results.path), json.dumps(asdict(settings))]
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "benchmarks.device.section", *words], cwd=ROOT, stdout=log, stderr=log
    )
    try:
        status = process.wait(limit)
    except subprocess.TimeoutExpired:
        return f"the time limit of {limit:.0f} s was exceeded"
    finally:
        _kill(process)
    return _failure(status)


def _failure(status: int) -> str | None:
    if not status:
        return None
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}: see device.log"


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process, if it still runs, and all that it has started."""
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.kill()
    process.kill()
    with suppress(subprocess.TimeoutExpired):  # a process that waits for a broken driver cannot be killed
        process.wait(5)
