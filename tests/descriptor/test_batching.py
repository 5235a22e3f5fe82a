"""Working together and in halves, without any images."""

from collections.abc import Callable, Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from osrmac.descriptor.batching import Batches, buckets, windows


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


@given(
    st.lists(st.booleans(), min_size=1, max_size=20),
    st.integers(1, 20),
    st.integers(1, 20),
    st.sampled_from([MemoryError, torch.OutOfMemoryError]),
)
def test_only_what_fails_alone_fails(good: list[bool], fitting: int, most: int, error: type[Exception]) -> None:
    def compute(items: Sequence[tuple[int, bool]]) -> list[int]:
        if len(items) > fitting or not all(fine for _, fine in items):
            raise error
        return [number for number, _ in items]

    results = Batches(most)(compute, list(enumerate(good)))

    assert len(results) == len(good)
    for number, (fine, result) in enumerate(zip(good, results, strict=True)):
        assert result == number if fine else isinstance(result, error)


def counting(sizes: list[int], fitting: int, error: type[Exception]) -> Callable[[Sequence[int]], list[int]]:
    def compute(items: Sequence[int]) -> list[int]:
        sizes.append(len(items))
        if len(items) > fitting:
            raise error
        return list(items)

    return compute


def test_what_fits_is_computed_at_once_and_no_more_than_most() -> None:
    sizes: list[int] = []
    batches = Batches(3)

    assert batches(counting(sizes, 9, MemoryError), range(3)) == [0, 1, 2]
    assert batches(counting(sizes, 9, MemoryError), range(7)) == list(range(7))
    assert sizes == [3, 3, 3, 1]


@pytest.mark.parametrize(
    ("error", "later"), [(torch.OutOfMemoryError, [2, 2, 2, 2]), (RuntimeError, [8, 4, 2, 2, 4, 2, 2])]
)
def test_only_a_full_memory_makes_later_batches_smaller(error: type[Exception], later: list[int]) -> None:
    sizes: list[int] = []
    batches = Batches(8)
    batches(counting(sizes, 2, error), range(8))
    sizes.clear()

    assert batches(counting(sizes, 2, error), range(8)) == list(range(8))
    assert sizes == later
