from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.estimation.sampling import Sample, draw
from osrmac.storage.schema import COLLECTION


def tables(*counts: int, size: int | None = 10) -> Iterator[pa.Table]:
    first = 0
    for count in counts:
        ids = [f"{number:05d}.jpg" for number in range(first, first + count)]
        yield pa.table(
            [ids, ids, [size] * count, [None] * count, [None] * count],
            schema=COLLECTION,
        )
        first += count


def ids(sample: Sample) -> list[str]:
    found: list[str] = sample.rows["id"].to_pylist()
    return found


@given(st.lists(st.integers(0, 30), min_size=1, max_size=6), st.integers(1, 40), st.integers(0, 5))
def test_a_sample_has_distinct_images_in_the_order_of_the_listing(counts: list[int], size: int, seed: int) -> None:
    sample = draw(tables(*counts), size, seed)
    assert sample.images == sum(counts)
    assert len(ids(sample)) == min(size, sum(counts))
    assert ids(sample) == sorted(set(ids(sample)))
    assert (sample.sized, sample.bytes) == (sum(counts), 10 * sum(counts))


@given(st.integers(1, 60), st.integers(0, 5))
def test_a_sample_does_not_depend_on_how_the_listing_is_divided(split: int, seed: int) -> None:
    assert ids(draw(tables(60), 7, seed)) == ids(draw(tables(split, 60 - split), 7, seed))


def test_every_image_is_drawn_equally_often() -> None:
    drawn = [image for seed in range(2000) for image in ids(draw(tables(2, 2), 1, seed))]
    for number in range(4):
        assert drawn.count(f"{number:05d}.jpg") == pytest.approx(500, abs=80)


def test_another_seed_draws_another_sample() -> None:
    assert ids(draw(tables(1000), 5, 0)) != ids(draw(tables(1000), 5, 1))


def test_files_of_unknown_size_count_as_average_ones() -> None:
    sized, unsized = next(tables(3)), next(tables(1, size=None))
    assert draw([sized, unsized], 2, 0).total_bytes == 40
    assert draw([unsized], 2, 0).total_bytes is None


def test_columns_of_the_user_are_left_out() -> None:
    (table,) = tables(2)
    assert draw([table.append_column("title", [["a", "b"]])], 2, 0).rows.schema == COLLECTION
