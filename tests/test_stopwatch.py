import time
from collections.abc import Iterator

import pytest

from osrmac.stopwatch import Stopwatch


def pause() -> None:
    time.sleep(0.02)


def test_a_stage_counts_without_the_stages_in_it_and_all_of_them_add_up() -> None:
    watch = Stopwatch()
    started = time.perf_counter()
    with watch("outer"):
        with watch("inner"):
            pause()
            with watch("innermost"):
                pause()
        pause()
    whole = time.perf_counter() - started
    spent = watch.take()
    assert set(spent) == {"outer", "inner", "innermost"}
    assert all(0.02 <= seconds < whole - 0.04 + 1e-4 for seconds in spent.values())
    assert sum(spent.values()) == pytest.approx(whole, abs=1e-3)


def test_waiting_counts_the_time_until_each_item_and_not_what_is_done_with_it() -> None:
    watch = Stopwatch()

    def items() -> Iterator[int]:
        for number in range(2):
            pause()
            with watch("made"):
                pause()
            yield number

    for _ in watch.waiting("waited", items()):
        time.sleep(0.2)
    spent = watch.take()
    assert 0.04 <= spent["waited"] < 0.2
    assert 0.04 <= spent["made"] < 0.2


def test_a_stage_that_fails_counts_and_so_does_what_is_added() -> None:
    watch = Stopwatch()
    with pytest.raises(ZeroDivisionError), watch("failed"):
        _ = 1 // 0
    watch.add("failed", 10)
    assert 10 <= watch.take()["failed"] < 11
    assert watch.take() == {}
