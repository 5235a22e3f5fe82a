import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.prefetch import prefetch


@given(st.lists(st.integers(0, 3), max_size=12), st.integers(1, 4), st.integers(0, 5))
def test_results_come_in_the_order_of_the_items(delays: list[int], threads: int, most: int) -> None:
    def slowly(item: tuple[int, int]) -> int:
        time.sleep(item[1] / 1000)
        return item[0]

    assert list(prefetch(slowly, enumerate(delays), threads=threads, most=most)) == list(range(len(delays)))


def test_items_are_taken_as_needed_by_the_caller_itself() -> None:
    taken: list[threading.Thread] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(threading.current_thread())
            yield number

    results = prefetch(lambda item: item, items(), threads=2, most=3)

    assert not taken
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert len(taken) == 5 + 3
    assert set(taken) == {threading.current_thread()}


def test_nothing_is_ahead_of_a_caller_who_waits_for_each() -> None:
    done: list[int] = []
    seen = [len(done) for _ in prefetch(done.append, range(3), threads=2, most=0)]
    assert seen == [1, 2, 3]


def test_the_next_item_is_worked_on_while_the_caller_is_busy() -> None:
    started = [threading.Event(), threading.Event()]
    results = prefetch(lambda item: started[item].set(), range(2), threads=1, most=1)

    next(results)

    assert started[1].wait(timeout=60)


def test_an_error_is_raised_where_its_result_would_have_been() -> None:
    results = prefetch(lambda item: 1 // item, [1, 1, 0, 1], threads=2, most=2)

    assert [next(results), next(results)] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    results = prefetch(lambda item: item, range(10), threads=3, most=3)
    next(results)

    results.close()

    assert threading.active_count() == before
