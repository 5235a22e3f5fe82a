"""Block by block against a sort of all pairs at once."""

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from osrmac.retrieval.ranks import ranks

distances = st.integers(0, 3).map(float)


@given(st.lists(st.lists(st.tuples(distances, distances), max_size=5), max_size=5), st.data(), st.randoms())
def test_blocks_give_the_ranks_of_a_sort_of_everything(
    collection: list[list[tuple[float, float]]], data: st.DataObject, random: Random
) -> None:
    everything = [row for rows in collection for row in rows]
    names = [f"{place:03d}" for place in range(len(everything))]
    random.shuffle(names)
    left = iter(names)
    blocks = [
        (f"block {place}", [next(left) for _ in rows], np.array(rows, np.float32).reshape(-1, 2).T)
        for place, rows in enumerate(collection)
    ]
    images = dict(zip(names, everything, strict=True))
    some = data.draw(st.sets(st.sampled_from(names))) if names else set()

    found = ranks(iter(blocks), [{image: images[image][query] for image in some} for query in (0, 1)])

    for query in (0, 1):
        order = sorted(names, key=lambda image: (images[image][query], image))
        assert found[query] == {image: order.index(image) for image in some}


def test_distances_are_compared_as_what_they_are() -> None:
    near, far = np.float32(0.1), np.nextafter(np.float32(0.1), np.float32(1))
    blocks = [("", ["b", "a", "c"], np.array([[near, far, near]]))]
    assert ranks(blocks, [{"a": float(far), "c": float(near)}]) == [{"a": 2, "c": 1}]
    assert ranks(blocks, [{}]) == [{}]
