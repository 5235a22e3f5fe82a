"""How far the work is: one live line in a terminal, a calm line now and then in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import ray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from osrmac.distributed.work_tracker import WorkTrackerHandle

__all__ = ["show_progress"]

_LIVE_SECONDS = 0.5
_LOG_SECONDS = 30.0


@contextmanager
def show_progress(tracker: WorkTrackerHandle, images: int) -> Iterator[None]:
    """Show on standard error how many of so many images the ledger has counted."""
    done = threading.Event()
    show = _show_live if sys.stderr.isatty() else _show_in_log
    watcher = threading.Thread(target=show, args=(tracker, images, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _show_live(tracker: WorkTrackerHandle, images: int, done: threading.Event) -> None:
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
            described, failed = _read(tracker)
            rate = (described + failed) / (time.monotonic() - started)
            bar.update(task, completed=described + failed, rate=f"{rate:.1f}", failed=failed)
            if last:
                return


def _show_in_log(tracker: WorkTrackerHandle, images: int, done: threading.Event) -> None:
    started = time.monotonic()
    shown = None
    while True:
        last = done.wait(_LOG_SECONDS)
        counts = _read(tracker)
        if counts != shown:
            print(_line(*counts, images, time.monotonic() - started), file=sys.stderr, flush=True)
        if last:
            return
        shown = counts


def _read(tracker: WorkTrackerHandle) -> tuple[int, int]:
    described, failed = ray.get(tracker.read.remote())
    return described, failed


def _line(described: int, failed: int, images: int, seconds: float) -> str:
    """One line of log.

    >>> _line(50, 10, 100, 30.0)
    '60 of 100 images, 2.0/s, 10 failed, 20 s left'
    """
    rate = (described + failed) / seconds
    left = f", {(images - described - failed) / rate:.0f} s left" if rate > 0 and described + failed < images else ""
    return f"{described + failed} of {images} images, {rate:.1f}/s, {failed} failed{left}"
