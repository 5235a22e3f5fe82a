"""Seconds by stage, measured with a fake clock."""

import math
import statistics
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.stopwatch import Durations, Stopwatch


class FakeClock:
    """Advances only when `advance` is called."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    fake = FakeClock()
    monkeypatch.setattr("osrmac.stopwatch.time", SimpleNamespace(perf_counter=fake))
    return fake


def test_nested_stages_are_not_counted_in_the_outer_stage(clock: FakeClock) -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch("outer"):
            clock.advance(1)
            with watch("inner"):
                clock.advance(2)
                with watch("innermost"):
                    clock.advance(4)
                clock.advance(8)
            with watch("innermost"):
                clock.advance(16)
    assert watch.take() == {"outer": 2, "inner": 20, "innermost": 40}


def test_timed_counts_the_wait_for_items_but_not_their_use(clock: FakeClock) -> None:
    watch = Stopwatch()

    def items() -> Iterator[int]:
        for number in range(2):
            clock.advance(1)
            with watch("produce"):
                clock.advance(2)
            yield number
        clock.advance(4)

    for _ in watch.timed("wait", items()):
        clock.advance(100)
    assert watch.take() == {"wait": 1 + 1 + 4, "produce": 2 * 2}


def test_failed_stages_and_added_seconds_are_counted(clock: FakeClock) -> None:
    watch = Stopwatch()

    def fail() -> None:
        with watch("failed"):
            clock.advance(1)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    watch.add("failed", 10)
    assert watch.take() == {"failed": 11}
    assert watch.take() == {}


@given(st.lists(st.floats(0.001, 100), min_size=2, max_size=50), st.integers(0, 50))
def test_sums_of_durations_give_their_mean_and_its_standard_error(seconds: list[float], split: int) -> None:
    found = Durations.of(seconds[:split]) + Durations.of(seconds[split:])
    assert found.mean == pytest.approx(statistics.fmean(seconds))
    expected = statistics.stdev(seconds) / len(seconds) ** 0.5
    assert found.standard_error == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_one_duration_has_no_standard_error_and_none_no_mean() -> None:
    assert (Durations.of([3.0]).mean, Durations().count) == (3.0, 0)
    assert math.isnan(Durations.of([3.0]).standard_error)
    assert math.isnan(Durations().mean)
