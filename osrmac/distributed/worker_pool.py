"""Size of the pool of workers that describe images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ray

from osrmac.config import ComputeConfig
from osrmac.errors import ConfigError

__all__ = ["WorkerPool", "size_worker_pool"]

_CPUS_PER_THREAD = 0.75
"""CPUs that a worker reserves for each of its threads; less than one, to leave room for other tasks of the cluster."""

_SPARE_CPUS = 0.25
"""CPUs of every node that workers leave free for tasks that read and write."""

_MAX_GPU_THREADS = 16
"""Decoding threads of a worker with a GPU; Python's global interpreter lock keeps more from being useful."""


@dataclass(frozen=True)
class WorkerPool:
    """Number of workers, and the resources of each.

    Attributes:
        min_workers: Workers that must start.
        max_workers: Workers that the pool may grow to.
        device: `cpu` or `cuda`.
        threads: CPU threads per worker.
        cpus: CPUs that each worker reserves.
        gpus: GPUs, or the fraction of one, that each worker reserves.
    """

    min_workers: int
    max_workers: int
    device: str
    threads: int
    cpus: float
    gpus: float


def size_worker_pool(compute: ComputeConfig) -> WorkerPool:
    """Fit workers into the connected cluster.

    With `--max-workers` the cluster is expected to add nodes, so its present size sets no limit.

    Raises:
        ConfigError: The cluster has no GPU although one was requested, or too few CPUs for the workers.
    """
    nodes: list[dict[str, float]] = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    has_gpus = any(node.get("GPU") for node in nodes)
    if compute.device == "cuda" and not has_gpus and compute.max_workers is None:
        raise ConfigError(
            "--device cuda, but the cluster has no GPU: use --device cpu, add a GPU node, or set --max-workers on a "
            "cluster that adds nodes by itself"
        )
    on_gpu = compute.device == "cuda" or (compute.device == "auto" and has_gpus)
    device, gpus = ("cuda", compute.gpu_share) if on_gpu else ("cpu", 0.0)
    threads = compute.threads or (_threads_per_gpu_worker(nodes, gpus) if on_gpu else 1)
    cpus = threads * _CPUS_PER_THREAD
    if compute.max_workers is not None:
        return WorkerPool(compute.workers or 1, compute.max_workers, device, threads, cpus, gpus)
    workers = _fixed_workers(compute.workers, nodes, threads, cpus, gpus)
    return WorkerPool(workers, workers, device, threads, cpus, gpus)


def _fixed_workers(
    requested: int | None, nodes: Sequence[Mapping[str, float]], threads: int, cpus: float, gpus: float
) -> int:
    """Return the number of workers for a cluster of constant size: as requested, or as many as fit."""
    capacity = sum(_node_capacity(node, cpus, gpus) for node in nodes)
    # Without GPUs, one CPU per thread rather than the smaller reservation: more workers would share processors.
    default = capacity if gpus else sum(int(node.get("CPU", 0.0) // threads) for node in nodes)
    workers = requested or max(1, default)
    if workers > capacity:
        raise ConfigError(
            f"{workers} workers of {threads} threads do not fit into {_resources(nodes)} beside reading and writing: "
            "use fewer --workers or --threads, or set --max-workers on a cluster that adds nodes by itself"
        )
    return workers


def _threads_per_gpu_worker(nodes: Sequence[Mapping[str, float]], gpus: float) -> int:
    """Return the threads that a worker with a share of a GPU can have on every GPU node; 1 if there is no GPU yet.

    >>> _threads_per_gpu_worker([{"CPU": 8.0}, {"CPU": 16.0, "GPU": 2.0}, {"CPU": 12.0, "GPU": 1.0}], gpus=0.5)
    4
    >>> _threads_per_gpu_worker([{"CPU": 64.0, "GPU": 1.0}], gpus=1.0)
    16
    >>> _threads_per_gpu_worker([{"CPU": 8.0}], gpus=1.0)
    1
    """
    cpus = [node.get("CPU", 0.0) * gpus / node["GPU"] for node in nodes if node.get("GPU")]
    return max(1, int(min([_MAX_GPU_THREADS, *cpus]))) if cpus else 1


def _node_capacity(node: Mapping[str, float], cpus: float, gpus: float) -> int:
    """Return how many workers with these reservations fit on a node.

    >>> _node_capacity({"CPU": 2.0}, cpus=0.75, gpus=0.0), _node_capacity({"CPU": 2.0}, cpus=2.25, gpus=0.0)
    (2, 0)
    >>> _node_capacity({"CPU": 8.0, "GPU": 1.0}, cpus=0.75, gpus=0.5)
    2
    """
    by_cpu = max(0, int((node.get("CPU", 0.0) - _SPARE_CPUS) // cpus))
    return min(by_cpu, int(node.get("GPU", 0.0) // gpus)) if gpus else by_cpu


def _resources(nodes: Sequence[Mapping[str, float]]) -> str:
    cpus, gpus = (sum(node.get(kind, 0.0) for node in nodes) for kind in ("CPU", "GPU"))
    on_nodes = f" on {len(nodes)} nodes" if len(nodes) > 1 else ""
    return f"{cpus:g} CPUs and {gpus:g} GPUs{on_nodes}"
