"""Buckets and batches, of numbers instead of images."""

from collections.abc import Callable, Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from osrmac.descriptor.batching import Batcher, Buckets, batch_size


@given(st.lists(st.integers(0, 5)), st.integers(1, 4), st.integers(1, 12))
def test_every_item_is_in_one_batch_of_its_key(keys: list[int], size: int, window: int) -> None:
    buckets: Buckets[int] = Buckets(size, window)
    batches = []
    for position, key in enumerate(keys):
        if key:  # the others stand for images that failed
            buckets.add(position, key, 10 * key)
        batches += [(position, batch) for batch in buckets.due(position)]
    batches += [(len(keys) - 1, batch) for batch in buckets.rest()]

    assert sorted(at for _, batch in batches for at, _ in batch) == [at for at, key in enumerate(keys) if key]
    for taken_at, batch in batches:
        assert 1 <= len(batch) <= size
        assert {item for _, item in batch} == {10 * keys[batch[0][0]]}
        assert [at for at, _ in batch] == sorted(at for at, _ in batch)
        assert taken_at - batch[0][0] <= window


def test_a_batch_is_due_when_it_is_full_or_has_waited_for_the_window() -> None:
    buckets: Buckets[str] = Buckets(2, 3)
    due = []
    for position, key in enumerate("abacb"):
        buckets.add(position, key, key.upper())
        due.append(list(buckets.due(position)))

    assert due == [[], [], [[(0, "A"), (2, "A")]], [], [[(1, "B"), (4, "B")]]]
    assert list(buckets.due(5)) == []
    assert list(buckets.due(6)) == [[(3, "C")]]
    assert list(buckets.rest()) == []


@given(st.integers(1, 1000), st.integers(0, 6).map(lambda exponent: 2**exponent))
def test_batch_sizes_are_powers_of_two_and_hold_few_copies(items: int, limit: int) -> None:
    size = batch_size(items, limit)

    assert size <= limit
    assert size & (size - 1) == 0
    assert items >= 0.75 * size
    assert size == limit or items < 1.5 * size


@given(
    st.lists(st.booleans(), min_size=1, max_size=20),
    st.integers(1, 20),
    st.integers(0, 4).map(lambda exponent: 2**exponent),
    st.sampled_from([MemoryError, torch.OutOfMemoryError]),
)
def test_only_items_that_fail_alone_have_an_exception(
    good: list[bool], capacity: int, max_size: int, error: type[Exception]
) -> None:
    def compute(items: Sequence[tuple[int, bool]]) -> list[int]:
        if len(items) > capacity or not all(is_good for _, is_good in items):
            raise error
        return [number for number, _ in items]

    results = Batcher(max_size)(compute, list(enumerate(good)))

    assert len(results) == len(good)
    for number, (is_good, result) in enumerate(zip(good, results, strict=True)):
        assert result == number if is_good else isinstance(result, error)


def recorder(sizes: list[int], capacity: int, error: type[Exception]) -> Callable[[Sequence[int]], list[int]]:
    def compute(items: Sequence[int]) -> list[int]:
        sizes.append(len(items))
        if len(items) > capacity:
            raise error
        return list(items)

    return compute


def test_batches_have_fixed_sizes_and_are_filled_up_with_copies() -> None:
    sizes: list[int] = []
    batches = Batcher(4)

    assert batches(recorder(sizes, 9, MemoryError), range(3)) == [0, 1, 2]
    assert sizes == [4]
    sizes.clear()
    assert batches(recorder(sizes, 9, MemoryError), range(13)) == list(range(13))
    assert sizes == [4, 4, 4, 1]


@pytest.mark.parametrize(
    ("error", "later_sizes"), [(torch.OutOfMemoryError, [2, 2, 2, 2]), (RuntimeError, [8, 4, 2, 2, 4, 2, 2])]
)
def test_only_out_of_memory_errors_make_later_batches_smaller(error: type[Exception], later_sizes: list[int]) -> None:
    sizes: list[int] = []
    batches = Batcher(8)
    batches(recorder(sizes, 2, error), range(8))
    sizes.clear()

    assert batches(recorder(sizes, 2, error), range(8)) == list(range(8))
    assert sizes == later_sizes
