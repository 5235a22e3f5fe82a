"""Connect to a Ray cluster, or start Ray on this machine."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path

import ray

from osrmac.config import ClusterConfig
from osrmac.distributed.cluster.local_start import prepare_start
from osrmac.errors import ClusterError, ConfigError, reason

__all__ = ["connect"]


def connect(compute: ClusterConfig, meanwhile: str | None = None) -> None:
    """Initialize Ray, unless this process is connected already.

    Joins the cluster at `--address` or `$RAY_ADDRESS`; without either, starts Ray on this machine. A Ray that is
    started here ends with the process, so that the steps of one command share it.

    Args:
        compute: The cluster.
        meanwhile: Full name of a module to import in a thread while Ray starts, as each takes seconds.

    Raises:
        ConfigError: No cluster answers at the address, gRPC is not installed, or Ray cannot start on this machine.
        ClusterError: Ray fails for another reason.
    """
    if ray.is_initialized():
        return
    address = compute.named or "local"
    if not compute.log_ray:
        # Ray's C++ core writes to standard error whatever the Python logging level is.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    with nullcontext() if compute.log_ray else _standard_error_discarded(), _sigterm_handler_kept():
        if address == "local":
            prepare_start()
        else:
            _check_address(address)
        with _importing(meanwhile), _errors_of_ray(address):
            ray.init(
                address=address,
                include_dashboard=False if address == "local" else None,
                log_to_driver=compute.log_ray,
                logging_level=logging.INFO if compute.log_ray else logging.ERROR,
            )


def _check_address(address: str) -> None:
    try:
        from osrmac.distributed.cluster.address import check_address
    except ModuleNotFoundError as error:
        if error.name != "grpc":
            raise
        raise ConfigError("connecting to a Ray cluster needs gRPC: pip install 'osrmac[cluster]'") from error
    check_address(address)


@contextmanager
def _importing(module: str | None) -> Iterator[None]:
    """Import a module in a thread: Ray needs the main one, the only one that may install signal handlers."""
    if module is None:
        yield
        return
    thread = threading.Thread(target=import_module, args=(module,), name=f"import {module}")
    thread.start()
    try:
        yield
    finally:
        thread.join()


@contextmanager
def _errors_of_ray(address: str) -> Iterator[None]:
    """Raise what Ray raises, which may be anything, as a `ClusterError` of one line."""
    try:
        yield
    except (Exception, SystemExit) as error:
        if isinstance(error, SystemExit) and error.code == signal.SIGTERM:  # from Ray's own handler
            raise
        what = "start Ray on this machine" if address == "local" else f"connect to the Ray cluster at {address}"
        raise ClusterError(
            f"cannot {what} ({reason(error)}): --log-ray shows Ray's messages; if the machine is busy, try again"
        ) from error


@contextmanager
def _sigterm_handler_kept() -> Iterator[None]:
    """Keep the program's own handler of SIGTERM: with the one that Ray installs, a waiting process would abort."""
    handler = signal.getsignal(signal.SIGTERM)
    yield
    if callable(handler) and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


@contextmanager
def _standard_error_discarded() -> Iterator[None]:
    """Discard what this process writes to standard error, including output of compiled code."""
    sys.stderr.flush()
    original = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as devnull:
            os.dup2(devnull.fileno(), 2)
        yield
    finally:
        os.dup2(original, 2)
        os.close(original)
