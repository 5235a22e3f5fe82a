import time
from typing import Any

import pytest
import ray

from osrmac.distributed.tasks import root_cause, run_tasks
from osrmac.errors import StorageError


@ray.remote
def square(number: int) -> int:
    return number * number


@ray.remote
def fail(message: str) -> None:
    raise StorageError(message)


@ray.remote
def fail_or_wait(fails: bool, seconds: float) -> None:
    time.sleep(seconds)
    if fails:
        raise StorageError("no space left")


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


def test_tasks_that_end_while_another_fails_do_no_harm() -> None:
    for attempt in range(50):
        with pytest.raises(StorageError):
            list(run_tasks(fail_or_wait, [(True, 0.0), *[(False, 0.0005 * (attempt % 8))] * 6]))


def test_an_error_of_the_driver_passes_unchanged() -> None:
    with pytest.raises(StorageError) as caught, root_cause():
        raise StorageError("no space left")
    assert caught.value.__cause__ is None


def test_advice_that_ray_data_appends_to_a_message_is_dropped() -> None:
    with pytest.raises(StorageError) as caught:
        list(run_tasks(fail, [("no space left\nFailed to apply UDF transform after 1/1 attempts",)]))
    assert str(caught.value) == "no space left"
