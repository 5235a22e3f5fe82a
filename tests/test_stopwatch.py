"""Seconds by stage, measured with a fake clock."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from osrmac.stopwatch import Stopwatch


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
