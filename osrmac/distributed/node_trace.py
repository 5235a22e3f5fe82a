"""Which nodes a stage had, and when: a cluster that grows and shrinks leaves a trace of it in the run's record."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray

__all__ = ["trace_nodes"]

_SECONDS = 2.0
_ACCELERATOR = "accelerator_type:"


@contextmanager
def trace_nodes() -> Iterator[list[dict[str, Any]]]:
    """A list that grows by an entry whenever the nodes of the cluster change, once there is one."""
    trace: list[dict[str, Any]] = []
    done = threading.Event()
    tracer = threading.Thread(target=_trace, args=(trace, done), daemon=True)
    tracer.start()
    try:
        yield trace
    finally:
        done.set()
        tracer.join()


def _trace(trace: list[dict[str, Any]], done: threading.Event) -> None:
    started = time.monotonic()
    last = None
    while True:
        ended = done.wait(_SECONDS)
        if ray.is_initialized():
            found = _nodes()
            if found != last:
                trace.append({"seconds": round(time.monotonic() - started, 1), **found})
                last = found
        if ended:
            return


def _nodes() -> dict[str, Any]:
    """What the cluster has now."""
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    kinds = {kind.removeprefix(_ACCELERATOR) for node in alive for kind in node if kind.startswith(_ACCELERATOR)}
    totals = {name: sum(node.get(kind, 0.0) for node in alive) for name, kind in (("cpus", "CPU"), ("gpus", "GPU"))}
    return {"nodes": len(alive), **totals, "accelerators": sorted(kinds)}
