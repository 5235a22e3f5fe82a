import time
from typing import Any

import pytest
import ray
from ray.exceptions import TaskCancelledError

from osrmac.distributed.tasks import root_cause, run_tasks
from osrmac.errors import StorageError


@ray.remote
def square(number: int) -> int:
    return number * number


@ray.remote
def fail(message: str) -> None:
    raise StorageError(message)


@ray.remote
def wait(seconds: float) -> None:
    """Wait in short steps: a cancellation takes effect between them."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        time.sleep(0.05)


class Recorder:
    """Stands in for a remote function; keeps a reference to the result of every call."""

    def __init__(self, task: Any) -> None:
        self.task = task
        self.references: list[Any] = []

    def remote(self, *arguments: Any) -> Any:
        self.references.append(self.task.remote(*arguments))
        return self.references[-1]


def test_results_arrive_in_the_order_of_the_arguments() -> None:
    progress: list[tuple[int, int]] = []
    results = run_tasks(square, [(number,) for number in range(5)], lambda *counts: progress.append(counts))
    assert list(results) == [0, 1, 4, 9, 16]
    assert progress == [(number, 5) for number in range(1, 6)]


def test_no_more_tasks_are_submitted_than_allowed() -> None:
    recorder = Recorder(square)
    results = run_tasks(recorder, [(number,) for number in range(10)], in_flight=3)
    assert [next(results), len(recorder.references)] == [0, 4]
    assert [next(results), len(recorder.references)] == [1, 5]
    results.close()
    assert len(recorder.references) == 5


def test_no_arguments_give_no_results() -> None:
    assert list(run_tasks(square, [])) == []


def test_an_error_of_a_task_is_raised_as_itself() -> None:
    with pytest.raises(StorageError) as caught:
        list(run_tasks(fail, [("no space left",)]))
    assert type(caught.value) is StorageError
    assert str(caught.value) == "no space left"


def test_closing_the_iterator_cancels_the_tasks_that_still_run() -> None:
    recorder = Recorder(wait)
    results = run_tasks(recorder, [(0.0,), (60.0,)])
    next(results)
    results.close()
    with pytest.raises(TaskCancelledError):
        ray.get(recorder.references[1], timeout=20)


def test_an_error_of_the_driver_passes_unchanged() -> None:
    with pytest.raises(StorageError) as caught, root_cause():
        raise StorageError("no space left")
    assert caught.value.__cause__ is None


def test_advice_that_ray_data_appends_to_a_message_is_dropped() -> None:
    with pytest.raises(StorageError) as caught:
        list(run_tasks(fail, [("no space left\nFailed to apply UDF transform after 1/1 attempts",)]))
    assert str(caught.value) == "no space left"
