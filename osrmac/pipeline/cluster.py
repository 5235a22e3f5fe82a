"""Joining a Ray cluster, or starting one on this machine for as long as it is needed."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import ray
import ray.data

from osrmac.config import ComputeConfig
from osrmac.errors import ConfigError, OsrmacError

__all__ = ["Pool", "connect", "root_cause", "size_pool"]

_ACTOR_SHARE = 0.75
"""CPUs that a describing actor asks for, for each of its threads: the rest is left to other tasks of the cluster."""

_SPARE_CPUS = 0.25


def connect(compute: ComputeConfig) -> None:
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


def _configure_ray_data(compute: ComputeConfig) -> None:
    context = ray.data.DataContext.get_current()
    context.raise_original_map_exception = True  # else only the text of a worker's error arrives here
    context.enable_progress_bars = compute.log_ray
    context.print_on_execution_start = compute.log_ray
    if not compute.log_ray:
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what it reports is raised, too


@dataclass(frozen=True)
class Pool:
    """The describing actors: how many, and what each asks for."""

    actors: int
    device: str
    cpus: float
    gpus: int


def size_pool(compute: ComputeConfig) -> Pool:
    """Fit the describing actors into the cluster.

    Raises:
        ConfigError: There is no GPU where one is asked for, or too few CPUs for the actors and
            for the tasks that read and write.
    """
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    cpus, gpus = resources.get("CPU", 0.0), int(resources.get("GPU", 0))
    if compute.device == "cuda" and not gpus:
        raise ConfigError("--device cuda, but the cluster has no GPU: use --device cpu, or add a GPU node")
    on_gpu = gpus > 0 and compute.device != "cpu"
    share = compute.threads * _ACTOR_SHARE
    fitting = gpus if on_gpu else max(1, int(cpus // compute.threads))
    pool = Pool(compute.actors or fitting, "cuda" if on_gpu else "cpu", share, 1 if on_gpu else 0)
    if pool.actors * pool.cpus + _SPARE_CPUS > cpus or pool.actors * pool.gpus > gpus:
        raise ConfigError(
            f"{pool.actors} actors of {compute.threads} threads do not fit into {cpus:g} CPUs and {gpus} GPUs "
            "beside reading and writing: ask for fewer --actors or --threads"
        )
    return pool


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
