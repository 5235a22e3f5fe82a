"""Record how the nodes of a cluster change while a command runs, for `run.json`."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray

__all__ = ["trace_nodes"]

_INTERVAL_SECONDS = 2.0
_ACCELERATOR = "accelerator_type:"


@contextmanager
def trace_nodes() -> Iterator[list[dict[str, Any]]]:
    """Poll the cluster in a thread, and append an entry to the list whenever its resources have changed.

    Ray may be connected later, within the block. Every entry has `seconds` since the start, the numbers of live
    `nodes`, `cpus` and `gpus`, and the sorted names of the `accelerators`.
    """
    trace: list[dict[str, Any]] = []
    done = threading.Event()
    poller = threading.Thread(target=_poll, args=(trace, done), daemon=True)
    poller.start()
    try:
        yield trace
    finally:
        done.set()
        poller.join()


def _poll(trace: list[dict[str, Any]], done: threading.Event) -> None:
    started = time.monotonic()
    previous = None
    while True:
        finished = done.wait(_INTERVAL_SECONDS)
        if ray.is_initialized() and (current := _resources()) != previous:
            trace.append({"seconds": round(time.monotonic() - started, 1), **current})
            previous = current
        if finished:  # only now, so that a short command has an entry, too
            return


def _resources() -> dict[str, Any]:
    """Return the live nodes of the cluster and their resources."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    accelerators = {key.removeprefix(_ACCELERATOR) for node in nodes for key in node if key.startswith(_ACCELERATOR)}
    return {
        "nodes": len(nodes),
        "cpus": sum(node.get("CPU", 0.0) for node in nodes),
        "gpus": sum(node.get("GPU", 0.0) for node in nodes),
        "accelerators": sorted(accelerators),
    }
