"""Block by block against a sort of all pairs at once."""

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from osrmac.retrieval.topk import nearest

distances = st.integers(0, 3).map(float)


@given(st.lists(st.lists(st.tuples(distances, distances), max_size=5), max_size=5), st.integers(1, 8), st.randoms())
def test_blocks_give_what_a_sort_of_everything_gives(
    collection: list[list[tuple[float, float]]], number: int, random: Random
) -> None:
    names = [f"{place:03d}" for place in range(sum(map(len, collection)))]
    random.shuffle(names)
    everything, blocks = [], []
    for place, rows in enumerate(collection):
        ids = sorted(names.pop() for _ in rows)
        blocks.append((f"block {place}", ids, np.array(rows, np.float32).reshape(-1, 2).T))
        everything += [(row, image, f"block {place}") for row, image in zip(rows, ids, strict=True)]

    found = nearest(iter(blocks), 2, number)

    for query in (0, 1):
        expected = sorted((row[query], image, block) for row, image, block in everything)[:number]
        assert [(match.distance, match.id, match.shard) for match in found[query]] == expected
        assert [match.rank for match in found[query]] == list(range(1, len(expected) + 1))


def test_nothing_is_near_in_an_empty_collection() -> None:
    assert nearest([], 2, 3) == [[], []]
