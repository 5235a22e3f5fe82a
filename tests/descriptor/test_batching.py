"""Working ahead, together and in halves, without any images."""

import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.descriptor.batching import ahead, buckets, halving, windows


@given(st.lists(st.integers(0, 3), max_size=12), st.integers(1, 4), st.integers(1, 5))
def test_results_come_in_the_order_of_the_items(delays: list[int], threads: int, most: int) -> None:
    def slowly(item: tuple[int, int]) -> int:
        time.sleep(item[1] / 1000)
        return item[0]

    assert list(ahead(slowly, enumerate(delays), threads=threads, most=most)) == list(range(len(delays)))


def test_items_are_taken_as_needed_by_the_caller_itself() -> None:
    taken: list[threading.Thread] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(threading.current_thread())
            yield number

    results = ahead(lambda item: item, items(), threads=2, most=3)

    assert not taken
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert len(taken) == 5 + 3
    assert set(taken) == {threading.current_thread()}


def test_the_next_item_is_worked_on_while_the_caller_is_busy() -> None:
    started = [threading.Event(), threading.Event()]
    results = ahead(lambda item: started[item].set(), range(2), threads=1, most=1)

    next(results)

    assert started[1].wait(timeout=60)


def test_an_error_is_raised_where_its_result_would_have_been() -> None:
    results = ahead(lambda item: 1 // item, [1, 1, 0, 1], threads=2, most=2)

    assert [next(results), next(results)] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    results = ahead(lambda item: item, range(10), threads=3, most=3)
    next(results)

    results.close()

    assert threading.active_count() == before


@given(st.lists(st.integers()), st.integers(1, 7))
def test_windows_hold_every_item_once(items: list[int], size: int) -> None:
    found = list(windows(items, size))

    assert [item for window in found for item in window] == items
    assert all(len(window) == size for window in found[:-1])
    assert all(found)


@given(st.lists(st.integers(0, 4)))
def test_a_bucket_holds_all_positions_of_a_key_in_order(keys: list[int]) -> None:
    found = buckets(keys)

    assert sorted(position for bucket in found for position in bucket) == list(range(len(keys)))
    assert len(found) == len(set(keys))
    for bucket in found:
        assert bucket == sorted(bucket)
        assert len({keys[position] for position in bucket}) == 1


@given(st.lists(st.booleans(), min_size=1, max_size=20), st.integers(1, 20))
def test_only_what_fails_alone_fails(good: list[bool], fitting: int) -> None:
    def compute(items: Sequence[tuple[int, bool]]) -> list[int]:
        if len(items) > fitting or not all(fine for _, fine in items):
            raise MemoryError
        return [number for number, _ in items]

    results = halving(compute, list(enumerate(good)))

    assert len(results) == len(good)
    for number, (fine, result) in enumerate(zip(good, results, strict=True)):
        assert result == number if fine else isinstance(result, MemoryError)


def test_what_fits_is_computed_at_once() -> None:
    sizes: list[int] = []

    def compute(items: Sequence[str]) -> list[str]:
        sizes.append(len(items))
        return list(items)

    assert halving(compute, "abc") == ["a", "b", "c"]
    assert sizes == [3]
