"""Order, read-ahead, errors and threads of the parallel map."""

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.prefetch import prefetch


@given(st.lists(st.integers(0, 3), max_size=12), st.integers(1, 4), st.integers(0, 5))
def test_results_come_in_the_order_of_the_items(delays: list[int], threads: int, depth: int) -> None:
    def sleep(item: tuple[int, int]) -> int:
        time.sleep(item[1] / 1000)
        return item[0]

    assert list(prefetch(sleep, enumerate(delays), threads=threads, depth=depth)) == list(range(len(delays)))


def test_items_are_consumed_in_the_calling_thread_up_to_the_depth() -> None:
    consumers: list[threading.Thread] = []

    def items() -> Iterator[int]:
        for number in range(100):
            consumers.append(threading.current_thread())
            yield number

    results = prefetch(lambda item: item, items(), threads=2, depth=3)

    assert not consumers
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert len(consumers) == 5 + 3
    assert set(consumers) == {threading.current_thread()}


def test_no_item_is_consumed_while_the_unfinished_ones_are_large() -> None:
    finish = threading.Event()
    consumed: list[int] = []

    def items() -> Iterator[int]:
        for size in (1, 1, 1, 1, 5, 1, 1):
            consumed.append(size)
            yield size

    def work(size: int) -> int:
        if size == 5:
            finish.wait()
        return size

    results = prefetch(work, items(), threads=2, depth=6, size=lambda item: item, max_size=5)

    assert [next(results) for _ in range(4)] == 4 * [1]
    held = len(consumed)
    finish.set()
    assert list(results) == [5, 1, 1]
    assert held <= 6  # the large one, and what the two threads had not finished before it


def test_depth_zero_computes_each_result_on_request() -> None:
    computed: list[int] = []
    counts = [len(computed) for _ in prefetch(computed.append, range(3), threads=2, depth=0)]
    assert counts == [1, 2, 3]


def test_the_next_result_is_computed_while_the_caller_is_busy() -> None:
    started = [threading.Event(), threading.Event()]
    results = prefetch(lambda item: started[item].set(), range(2), threads=1, depth=1)

    next(results)

    assert started[1].wait(timeout=60)


def test_an_error_is_raised_in_place_of_its_result() -> None:
    results = prefetch(lambda item: 1 // item, [1, 1, 0, 1], threads=2, depth=2)

    assert [next(results), next(results)] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_closing_the_generator_ends_its_threads() -> None:
    before = threading.active_count()
    results = prefetch(lambda item: item, range(10), threads=3, depth=3)
    next(results)

    results.close()

    assert threading.active_count() == before


def test_calls_that_wait_for_the_caller_are_cancelled_before_their_threads_are_waited_for() -> None:
    cancelled = threading.Event()
    results = prefetch(lambda item: item == 0 or cancelled.wait(60), range(9), threads=2, depth=2, cancel=cancelled.set)
    next(results)

    results.close()

    assert cancelled.is_set()
