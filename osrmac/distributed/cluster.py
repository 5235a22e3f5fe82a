"""Connect to a Ray cluster, or start Ray on this machine."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import ray

from osrmac.config import ClusterConfig
from osrmac.errors import ConfigError

__all__ = ["connect"]

_CONNECT_SECONDS = 10.0


def connect(compute: ClusterConfig) -> None:
    """Initialize Ray, unless this process is connected already.

    Joins the cluster at `--address` or `$RAY_ADDRESS`; without either, starts Ray on this machine. A Ray that is
    started here ends with the process, so that the steps of one command share it.

    Raises:
        ConfigError: No cluster answers at the address.
    """
    if ray.is_initialized():
        return
    address = compute.address or os.environ.get("RAY_ADDRESS") or "local"
    _require_reachable(address)
    if not compute.log_ray:
        # Ray's C++ core writes to standard error whatever the Python logging level is.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    with nullcontext() if compute.log_ray else _standard_error_discarded(), _sigterm_handler_kept():
        ray.init(
            address=address,
            include_dashboard=False if address == "local" else None,
            log_to_driver=compute.log_ray,
            logging_level=logging.INFO if compute.log_ray else logging.ERROR,
        )


def _require_reachable(address: str) -> None:
    """Raise ConfigError if nothing listens at HOST:PORT; `ray.init` would retry for minutes and then exit the process.

    Addresses of another form, such as `local` and `auto`, are left to Ray.
    """
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or "/" in host:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"no Ray cluster answers at {address} ({error}): correct --address or $RAY_ADDRESS, or start the cluster"
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
