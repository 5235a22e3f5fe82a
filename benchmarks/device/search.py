"""`search` and `duplicates` in runs of synthetic vectors, on the device and on the CPU.

`duplicates` finds pairs below a fixed distance, because there are no pixels to compare. The CPU searches a small run
only; the largest run is one that the device should finish within a minute.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from math import log
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchmarks.device.section import Checks
from benchmarks.device.settings import Settings
from benchmarks.device.vectors_run import write_run
from osrmac.commands.duplicates import duplicates
from osrmac.commands.search import search
from osrmac.config import Device, DuplicatesConfig, SearchConfig
from osrmac.runs.near_duplicates.groups import Duplicates
from osrmac.storage.run import Run
from osrmac.types import QueryResult

T = TypeVar("T")

_QUERIES = 20
_SMALLEST = 200
_SECONDS = 25.0
"""Time that the largest run of `duplicates` should take."""

_GROWTH = 1.5
"""Exponent of the time that `duplicates` takes, by which the largest run is chosen."""

_THRESHOLD = 1.0
"""Near-equal vectors are a tenth of it from each other, and others more than ten times it."""


def checks(settings: Settings) -> Checks:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        number = settings.pick(1_000_000, 3000)
        rows = settings.pick(2000, 100)
        run = cache(lambda images: write_run(folder / str(images), images, settings.threads, rows))
        yield "writing the run", lambda: {"vectors": number, "seconds": round(_timed(lambda: run(number))[1], 1)}
        yield "search", lambda: _search(settings, run, number)
        yield "duplicates", lambda: _duplicates(settings, run, settings.pick(50_000, 1000), number)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    return work(), time.perf_counter() - started


def _devices(settings: Settings) -> tuple[Device, Device]:
    return ("cuda" if settings.on_gpu else "cpu"), "cpu"


def _search(settings: Settings, run: Callable[[int], Run], number: int) -> dict[str, Any]:
    """Search for vectors of the run, 20 at once and one alone."""
    ids = [f"{row:08d}.jpg" for row in range(0, number, number // _QUERIES)][:_QUERIES]
    for device in _devices(settings):
        search(run(_SMALLEST).url, ids[:1], SearchConfig(device=device))  # starts the device
    answers, times = [], {}
    for device in _devices(settings):
        options = SearchConfig(device=device)
        found, seconds = _timed(partial(search, run(number).url, ids, options))
        _, alone = _timed(partial(search, run(number).url, ids[:1], options))
        answers.append(found.queries)
        times[device] = {"seconds per query of 20": round(seconds / len(ids), 4), "seconds for one": round(alone, 3)}
    return {"vectors": number, **_compared_results(*answers), "times": times}


def _compared_results(found: Sequence[QueryResult], expected: Sequence[QueryResult]) -> dict[str, Any]:
    pairs = list(zip(found, expected, strict=True))
    ids = [([match.id for match in one.matches], [match.id for match in other.matches]) for one, other in pairs]
    distances = [
        np.array([[match.distance for match in result.matches] for result in pair], np.float64) for pair in pairs
    ]
    return {
        "queries": len(pairs),
        "with equal ids in equal order": sum(one == other for one, other in ids),
        "with equal ids": sum(set(one) == set(other) for one, other in ids),
        "largest difference of distances": _short(max(np.abs(one - other).max() for one, other in distances)),
        "largest distance": _short(max(of_pair.max() for of_pair in distances)),
    }


def _duplicates(settings: Settings, run: Callable[[int], Run], small: int, largest: int) -> dict[str, Any]:
    """Compare the groups of a small run, and measure how the time on the device grows."""
    there, here = _devices(settings)

    def measured(images: int, device: Device) -> tuple[Duplicates, float]:
        return _timed(partial(duplicates, run(images).url, DuplicatesConfig(device=device, threshold=_THRESHOLD)))

    measured(_SMALLEST, there)  # starts the device
    (groups, seconds), (expected, on_cpu) = measured(small, there), measured(small, here)
    longer = settings.pick(_SECONDS, 4 * seconds) / seconds
    large = min(largest, int(small * longer ** (1 / _GROWTH)) // 1000 * 1000)
    _, longest = measured(large, there)
    growth = log(longest / seconds) / log(large / small) if large > small else None
    return {
        "vectors": small,
        **_compared_groups(groups, expected),
        "seconds": {there: round(seconds, 2), "on the CPU": round(on_cpu, 2)},
        "larger run": {
            "vectors": large,
            "seconds": round(longest, 2),
            "exponent of the growth": growth and _short(growth),
        },
    }


def _compared_groups(found: Duplicates, expected: Duplicates) -> dict[str, Any]:
    distances = [{twin.id: twin.distance for group in each.groups for twin in group} for each in (found, expected)]
    common = distances[0].keys() & distances[1].keys()
    sets = [{frozenset(twin.id for twin in group) for group in each.groups} for each in (found, expected)]
    return {
        "groups": len(expected.groups),
        "equal groups": len(sets[0] & sets[1]),
        "largest difference of distances": _short(max(abs(distances[0][one] - distances[1][one]) for one in common)),
    }


def _short(value: float) -> float:
    return float(f"{value:.3g}")
