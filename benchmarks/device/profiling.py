"""Kernels of a stretch of work: how long the device is busy, and with what."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.profiler import ProfilerActivity, profile

from benchmarks.device.clock import wait

__all__ = ["kernels"]

_ACTIVITIES = {"cpu": ProfilerActivity.CPU, "cuda": ProfilerActivity.CUDA}
_KERNELS = {"cpu": "cpu_op", "cuda": "kernel"}
"""Category of kernels in a trace; the rehearsal takes the operations of the CPU for kernels."""

_COPIES = ("gpu_memcpy", "gpu_memset")
_TOP = 12
_EDGE = 0.1
"""Share of the time that is left out at either end, where the profiler starts and the stream stops."""

_Event = Mapping[str, Any]


def kernels(run: Callable[[], object], device: str) -> dict[str, object]:
    """Run something under the profiler and return the shares of its time.

    The device is busy when at least one kernel runs. The largest kernels come with their share of the time of all
    kernels.
    """
    with profile(activities=[_ACTIVITIES[device]], acc_events=True) as profiler:
        run()
        wait(device)
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace.json")
        profiler.export_chrome_trace(str(trace))
        events = [event for event in json.loads(trace.read_text())["traceEvents"] if event.get("ph") == "X"]
    found = [event for event in events if event.get("cat") == _KERNELS[device]]
    if not found:
        return {"error": "the profiler has seen no kernel"}
    intervals = _intervals(found)
    start, end = intervals.min(), intervals.max()
    window = start + _EDGE * (end - start), end - _EDGE * (end - start)
    copies = [event for event in events if event.get("cat") in _COPIES]
    return {
        "seconds": round((end - start) / 1e6, 3),
        "kernels": len(found),
        "busy": round(_covered(intervals, window), 4),
        "copying": round(_covered(_intervals(copies), window), 4),
        "largest kernels": _largest(found),
    }


def _intervals(events: Sequence[_Event]) -> NDArray[np.float64]:
    """Return start and end of events in microseconds, (n, 2)."""
    return np.array([(event["ts"], event["ts"] + event["dur"]) for event in events], float).reshape(-1, 2)


def _covered(intervals: NDArray[np.float64], window: tuple[float, float]) -> float:
    """Return the share of a window that is within at least one interval."""
    start, end = window
    inside = intervals[(intervals[:, 1] > start) & (intervals[:, 0] < end)].clip(start, end)
    if not len(inside):
        return 0.0
    starts, ends = inside[np.argsort(inside[:, 0])].T
    reached = np.maximum.accumulate(ends)
    gaps = np.clip(starts[1:] - reached[:-1], 0, None).sum()
    return float((reached[-1] - starts[0] - gaps) / (end - start))


def _largest(events: Sequence[_Event]) -> dict[str, float]:
    spent: Counter[str] = Counter()
    for event in events:
        spent[event["name"][:120]] += event["dur"]
    total = sum(spent.values())
    return {name: round(duration / total, 4) for name, duration in spent.most_common(_TOP)}
