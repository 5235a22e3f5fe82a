"""Joining a Ray cluster, or starting one on this machine for as long as it is needed."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import ray
import ray.data

from osrmac.config import ClusterConfig, ComputeConfig
from osrmac.errors import ConfigError, OsrmacError

__all__ = ["Pool", "connect", "root_cause", "size_pool"]

_ACTOR_SHARE = 0.75
"""CPUs that a describing actor asks for, for each of its threads: the rest is left to other tasks of the cluster."""

_MOST_THREADS = 16
"""That decode beside a GPU: Python's lock lets no more work at once."""

_SPARE_CPUS = 0.25
"""Of every node, for these."""


def connect(compute: ClusterConfig) -> None:
    """Make sure that Ray is up: the cluster that is already joined or named, else one of this machine alone.

    One that is started here ends with the process, so that the steps of a run share it.
    """
    if ray.is_initialized():
        return
    address = compute.address or os.environ.get("RAY_ADDRESS") or "local"
    if not compute.log_ray:
        # The driver's C++ core writes to standard error whatever the Python logging level is.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    with nullcontext() if compute.log_ray else _standard_error_closed():
        ray.init(
            address=address,
            include_dashboard=False if address == "local" else None,
            log_to_driver=compute.log_ray,
            logging_level=logging.INFO if compute.log_ray else logging.ERROR,
        )
    _configure_ray_data(compute)


@contextmanager
def _standard_error_closed() -> Iterator[None]:
    """Drop what is written to standard error, also by compiled code; errors still raise."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _configure_ray_data(compute: ClusterConfig) -> None:
    context = ray.data.DataContext.get_current()
    context.raise_original_map_exception = True  # else only the text of a worker's error arrives here
    context.enable_progress_bars = compute.log_ray
    context.print_on_execution_start = compute.log_ray
    if not compute.log_ray:
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what it reports is raised, too


@dataclass(frozen=True)
class Pool:
    """The describing actors: how many, and what each asks for."""

    fewest: int
    most: int
    device: str
    threads: int
    cpus: float
    gpus: float


def size_pool(compute: ComputeConfig) -> Pool:
    """Fit the describing actors into the cluster as it is, or leave them to wait for the nodes it will grow by.

    Raises:
        ConfigError: There is no GPU where one is asked for, or no node has room for the actors beside the tasks that
            read and write, and the user does not say that the cluster grows.
    """
    nodes: list[dict[str, float]] = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    gpus = sum(node.get("GPU", 0.0) for node in nodes)
    grows = compute.max_workers is not None
    if compute.device == "cuda" and not gpus and not grows:
        raise ConfigError(
            "--device cuda, but the cluster has no GPU: use --device cpu, add a GPU node, or set --max-workers on a "
            "cluster that adds nodes by itself"
        )
    on_gpu = compute.device == "cuda" or (compute.device == "auto" and gpus > 0)
    device, share = ("cuda", compute.gpu_share) if on_gpu else ("cpu", 0.0)
    threads = compute.threads or (_threads_beside_a_gpu(nodes, share) if on_gpu else 1)
    cpus = threads * _ACTOR_SHARE
    if compute.max_workers is not None:
        return Pool(compute.workers or 1, compute.max_workers, device, threads, cpus, share)
    room = sum(_room(node, cpus, share) for node in nodes)
    whole = room if on_gpu else sum(int(node.get("CPU", 0.0) // threads) for node in nodes)
    workers = compute.workers or max(1, whole)
    if workers > room:
        raise ConfigError(
            f"{workers} workers of {threads} threads do not fit into {_resources(nodes)} beside reading and writing: "
            "use fewer --workers or --threads, or set --max-workers on a cluster that adds nodes by itself"
        )
    return Pool(workers, workers, device, threads, cpus, share)


def _threads_beside_a_gpu(nodes: Sequence[Mapping[str, float]], share: float) -> int:
    """How many threads each part of a GPU can have on any of the nodes; 1 if there is no GPU yet.

    >>> _threads_beside_a_gpu([{"CPU": 8.0}, {"CPU": 16.0, "GPU": 2.0}, {"CPU": 12.0, "GPU": 1.0}], share=0.5)
    4
    >>> _threads_beside_a_gpu([{"CPU": 64.0, "GPU": 1.0}], share=1.0), _threads_beside_a_gpu([{"CPU": 8.0}], share=1.0)
    (16, 1)
    """
    ways = [node.get("CPU", 0.0) * share / node["GPU"] for node in nodes if node.get("GPU")]
    return max(1, int(min([_MOST_THREADS, *ways]))) if ways else 1


def _room(node: Mapping[str, float], cpus: float, gpus: float) -> int:
    """How many actors a node carries, each of which asks for so much.

    >>> _room({"CPU": 2.0}, cpus=0.75, gpus=0.0), _room({"CPU": 2.0}, cpus=2.25, gpus=0.0)
    (2, 0)
    >>> _room({"CPU": 8.0, "GPU": 1.0}, cpus=0.75, gpus=0.5)
    2
    """
    by_cpu = max(0, int((node.get("CPU", 0.0) - _SPARE_CPUS) // cpus))
    return min(by_cpu, int(node.get("GPU", 0.0) // gpus)) if gpus else by_cpu


def _resources(nodes: Sequence[Mapping[str, float]]) -> str:
    cpus, gpus = (sum(node.get(kind, 0.0) for node in nodes) for kind in ("CPU", "GPU"))
    spread = f" on {len(nodes)} nodes" if len(nodes) > 1 else ""
    return f"{cpus:g} CPUs and {gpus:g} GPUs{spread}"


@contextmanager
def root_cause() -> Iterator[None]:
    """Raise a user's error that a worker met as what it was, out of what Ray wraps it in."""
    try:
        yield
    except Exception as error:
        for cause in _causes(error):
            if type(cause).__module__ == OsrmacError.__module__ and isinstance(cause, OsrmacError):
                raise cause from error
        raise


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = getattr(found, "cause", None) or found.__cause__
