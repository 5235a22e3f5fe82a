"""Run Ray tasks with a bound on how many are submitted at once, and unwrap the errors that they raise."""

from __future__ import annotations

import sys
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

import ray

from osrmac.errors import OsrmacError

__all__ = ["OnProgress", "released_on_error", "root_cause", "run_tasks"]

OnProgress = Callable[[int, int], None]
"""Called with the number of finished parts of a computation, and the number of all of them."""

_IN_FLIGHT = 256
"""Tasks submitted at once: enough to keep a cluster busy, few enough for Ray to schedule without delay."""


def run_tasks(
    task: Any, arguments: Sequence[tuple[Any, ...]], on_progress: OnProgress | None = None, in_flight: int = _IN_FLIGHT
) -> Generator[Any, None, None]:
    """Run a task once for each tuple of arguments, and yield the results in the same order.

    When a result raises, or the iterator is closed, no more tasks are submitted, and those that were run to their end.

    Args:
        task: A `ray.remote` function.
        arguments: Positional arguments of each call. Pass large values as object references from `ray.put`.
        on_progress: Called after each result.
        in_flight: Upper bound on the tasks submitted and not yet consumed.

    Raises:
        OsrmacError: The task raised it.
    """
    calls = iter(arguments)
    running = deque(task.remote(*call) for call in islice(calls, in_flight))
    finished = 0
    # No task is cancelled: if one ends at that moment, Ray 2.57 aborts this process, because it "tried to complete task
    # that was not pending".
    while running:
        with root_cause():
            result = ray.get(running.popleft())
        running.extend(task.remote(*call) for call in islice(calls, 1))
        finished += 1
        if on_progress is not None:
            on_progress(finished, len(arguments))
        yield result


@contextmanager
def root_cause() -> Iterator[None]:
    """Raise an OsrmacError of a Ray task or actor as itself, with its one-line message, instead of Ray's wrapper."""
    try:
        yield
    except Exception as error:
        cause = next(filter(_is_own, _chain(error)), None)
        if cause is None or cause is error:
            raise
        cause.args = (str(cause).partition("\n")[0],)  # Ray Data appends advice about its own retries
        raise cause from error


@contextmanager
def released_on_error() -> Iterator[None]:
    """Release the actors and objects of Ray that the traceback of an exception refers to. Also a decorator.

    Otherwise they, and the CPUs and GPUs reserved for them, would live as long as the exception, which notebooks keep.
    """
    handled_outside = sys.exception()
    try:
        yield
    except BaseException as error:
        _clear_frames(error, {id(handled_outside)})
        raise


def _clear_frames(error: BaseException | None, seen: set[int]) -> None:
    """Clear the local variables of finished functions that an exception, or one that it follows from, refers to."""
    if error is not None and id(error) not in seen:
        seen.add(id(error))
        for frame, _ in traceback.walk_tb(error.__traceback__):
            for caller, _ in traceback.walk_stack(frame):  # Ray Data raises in a thread whose functions have ended, too
                with suppress(RuntimeError):  # still running
                    caller.clear()
        _clear_frames(error.__cause__, seen)
        _clear_frames(error.__context__, seen)


def _is_own(error: BaseException) -> bool:
    """Return whether this is an OsrmacError; Ray's wrapper, a subclass of the type that it wraps, is not."""
    return isinstance(error, OsrmacError) and type(error).__module__ == OsrmacError.__module__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and its causes, the outermost first."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = getattr(current, "cause", None) or current.__cause__
