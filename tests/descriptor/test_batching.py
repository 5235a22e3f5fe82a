"""Working together and in halves, without any images."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from osrmac.descriptor.batching import buckets, halving, windows


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
