from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from osrmac.stopwatch import Stopwatch


class Clock:
    """Stands still until it is told how much time passes."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def let_pass(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("osrmac.stopwatch.time", SimpleNamespace(perf_counter=made))
    return made


def test_a_stage_counts_without_the_stages_in_it(clock: Clock) -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch("outer"):
            clock.let_pass(1)
            with watch("inner"):
                clock.let_pass(2)
                with watch("innermost"):
                    clock.let_pass(4)
                clock.let_pass(8)
            with watch("innermost"):
                clock.let_pass(16)
    assert watch.take() == {"outer": 2, "inner": 20, "innermost": 40}


def test_waiting_counts_the_time_until_each_item_and_not_what_is_done_with_it(clock: Clock) -> None:
    watch = Stopwatch()

    def items() -> Iterator[int]:
        for number in range(2):
            clock.let_pass(1)
            with watch("made"):
                clock.let_pass(2)
            yield number
        clock.let_pass(4)

    for _ in watch.waiting("waited", items()):
        clock.let_pass(100)
    assert watch.take() == {"waited": 1 + 1 + 4, "made": 2 * 2}


def test_a_stage_that_fails_counts_and_so_does_what_is_added(clock: Clock) -> None:
    watch = Stopwatch()

    def fail() -> None:
        with watch("failed"):
            clock.let_pass(1)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    watch.add("failed", 10)
    assert watch.take() == {"failed": 11}
    assert watch.take() == {}
