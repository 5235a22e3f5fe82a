"""Chunks, groups and batches, of numbers instead of images."""

from collections.abc import Callable, Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from osrmac.descriptor.batching import Batcher, chunked, group_positions


@given(st.lists(st.integers()), st.integers(1, 7))
def test_chunks_contain_every_item_once(items: list[int], size: int) -> None:
    chunks = list(chunked(items, size))

    assert [item for chunk in chunks for item in chunk] == items
    assert all(len(chunk) == size for chunk in chunks[:-1])
    assert all(chunks)


@given(st.lists(st.integers(0, 4)))
def test_groups_contain_the_positions_of_a_key_in_order(keys: list[int]) -> None:
    groups = group_positions(keys)

    assert sorted(position for group in groups for position in group) == list(range(len(keys)))
    assert len(groups) == len(set(keys))
    for group in groups:
        assert group == sorted(group)
        assert len({keys[position] for position in group}) == 1


@given(
    st.lists(st.booleans(), min_size=1, max_size=20),
    st.integers(1, 20),
    st.integers(1, 20),
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


def test_batches_have_at_most_the_maximum_size() -> None:
    sizes: list[int] = []
    batches = Batcher(3)

    assert batches(recorder(sizes, 9, MemoryError), range(3)) == [0, 1, 2]
    assert batches(recorder(sizes, 9, MemoryError), range(7)) == list(range(7))
    assert sizes == [3, 3, 3, 1]


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
