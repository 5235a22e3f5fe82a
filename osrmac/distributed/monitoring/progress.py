"""Progress of an extraction on standard error: a live bar in a terminal, an occasional line in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from osrmac.distributed.work_tracker import WorkTrackerHandle
from osrmac.log import write_line
from osrmac.progress import is_quiet

__all__ = ["show_progress"]

_LIVE_SECONDS = 0.5
_LOG_SECONDS = 30.0


@contextmanager
def show_progress(tracker: WorkTrackerHandle, images: int) -> Iterator[None]:
    """Show the counts of the tracker, out of a number of images, while the block runs; nothing with `--quiet`."""
    if is_quiet():
        yield
        return
    done = threading.Event()
    show = _show_bar if sys.stderr.isatty() else _show_lines
    thread = threading.Thread(target=show, args=(tracker, images, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _show_bar(tracker: WorkTrackerHandle, images: int, done: threading.Event) -> None:
    columns = (
        TextColumn("describing"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("images  {task.fields[rate]}/s  {task.fields[failed]} failed "),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("describing", total=images, rate="-", failed=0)
        for described, failed, seconds in _poll(tracker, done, _LIVE_SECONDS):
            finished = described + failed
            bar.update(task, completed=finished, rate=f"{finished / seconds:.1f}", failed=failed)


def _show_lines(tracker: WorkTrackerHandle, images: int, done: threading.Event) -> None:
    shown = None
    for described, failed, seconds in _poll(tracker, done, _LOG_SECONDS):
        if (described, failed) != shown:
            fields = _fields(described, failed, images, seconds)
            write_line("info", _line(fields), **fields)
            shown = described, failed


def _poll(tracker: WorkTrackerHandle, done: threading.Event, interval: float) -> Iterator[tuple[int, int, float]]:
    """Yield the images described and failed, and the seconds since the start; the last time when the event is set."""
    started = time.monotonic()
    finished = False
    while not finished:
        finished = done.wait(interval)
        described, failed = ray.get(tracker.counts.remote())
        yield described, failed, time.monotonic() - started


def _fields(described: int, failed: int, images: int, seconds: float) -> dict[str, Any]:
    """Return the counts, and what follows from them.

    >>> _fields(50, 10, 100, 30.0)
    {'described': 50, 'failed': 10, 'images': 100, 'rate': 2.0, 'seconds_left': 20}
    """
    finished = described + failed
    rate = finished / seconds
    left = round((images - finished) / rate) if finished else None
    return {"described": described, "failed": failed, "images": images, "rate": round(rate, 3), "seconds_left": left}


def _line(fields: Mapping[str, Any]) -> str:
    """Return one line of the log.

    >>> _line(_fields(50, 10, 100, 30.0))
    '60 of 100 images, 2.0/s, 10 failed, 20 s left'
    """
    finished, images = fields["described"] + fields["failed"], fields["images"]
    left = f", {fields['seconds_left']} s left" if 0 < finished < images else ""
    return f"{finished} of {images} images, {fields['rate']:.1f}/s, {fields['failed']} failed{left}"
