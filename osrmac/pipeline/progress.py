"""How far the work is: one live line in a terminal, a calm line now and then in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["CounterHandle", "watching"]

CounterHandle = Any
"""Handle of the actor that counts; Ray's own types for handles do not hold under mypy."""

_LIVE_SECONDS = 0.5
_LOG_SECONDS = 30.0


class _Counter:
    """Counts described and failed images, wherever they are described."""

    def __init__(self) -> None:
        self._described = 0
        self._failed = 0

    def add(self, described: int, failed: int) -> None:
        """Count some images."""
        self._described += described
        self._failed += failed

    def read(self) -> tuple[int, int]:
        """The counts so far: described, failed."""
        return self._described, self._failed


@contextmanager
def watching(images: int) -> Iterator[CounterHandle]:
    """Show the progress over so many images on standard error, counted by the actor that this gives."""
    remote: Any = ray.remote(num_cpus=0)(_Counter)
    counter = remote.remote()
    done = threading.Event()
    show = _show_live if sys.stderr.isatty() else _show_in_log
    watcher = threading.Thread(target=show, args=(counter, images, done), daemon=True)
    watcher.start()
    try:
        yield counter
    finally:
        done.set()
        watcher.join()


def _show_live(counter: CounterHandle, images: int, done: threading.Event) -> None:
    columns = (
        TextColumn("describing"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("images  {task.fields[rate]}/s  {task.fields[failed]} failed "),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("describing", total=images, rate="-", failed=0)
        started = time.monotonic()
        while True:
            last = done.wait(_LIVE_SECONDS)
            described, failed = _read(counter)
            rate = (described + failed) / (time.monotonic() - started)
            bar.update(task, completed=described + failed, rate=f"{rate:.1f}", failed=failed)
            if last:
                return


def _show_in_log(counter: CounterHandle, images: int, done: threading.Event) -> None:
    started = time.monotonic()
    shown = None
    while True:
        last = done.wait(_LOG_SECONDS)
        counts = _read(counter)
        if counts != shown:
            print(_line(*counts, images, time.monotonic() - started), file=sys.stderr, flush=True)
        if last:
            return
        shown = counts


def _read(counter: CounterHandle) -> tuple[int, int]:
    described, failed = ray.get(counter.read.remote())
    return described, failed


def _line(described: int, failed: int, images: int, seconds: float) -> str:
    """One line of log.

    >>> _line(50, 10, 100, 30.0)
    '60 of 100 images, 2.0/s, 10 failed, 20 s left'
    """
    rate = (described + failed) / seconds
    left = f", {(images - described - failed) / rate:.0f} s left" if rate > 0 and described + failed < images else ""
    return f"{described + failed} of {images} images, {rate:.1f}/s, {failed} failed{left}"
