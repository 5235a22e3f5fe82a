"""Ranks counted block by block, against a sort of all images."""

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from osrmac.retrieval.ranks import count_ranks, merge_ranks, ranks
from osrmac.types import Rank

distances = st.integers(0, 3).map(float)


@given(st.lists(st.lists(st.tuples(distances, distances), max_size=5), max_size=5), st.data(), st.randoms())
def test_ranks_equal_those_of_a_sort_of_all_images(
    collection: list[list[tuple[float, float]]], data: st.DataObject, random: Random
) -> None:
    all_rows = [row for rows in collection for row in rows]
    names = [f"{number:03d}" for number in range(len(all_rows))]
    random.shuffle(names)
    remaining = iter(names)
    blocks = [
        (f"block {number}", [next(remaining) for _ in rows], np.array(rows, np.float32).reshape(-1, 2).T)
        for number, rows in enumerate(collection)
    ]
    images = dict(zip(names, all_rows, strict=True))
    targets = data.draw(st.sets(st.sampled_from(names))) if names else set()

    wanted = [{image: images[image][query] for image in targets} for query in (0, 1)]
    result = ranks(iter(blocks), wanted)
    parts = data.draw(st.integers(1, 4))
    divided = [count_ranks(blocks[part::parts], wanted) for part in range(parts)]
    assert merge_ranks(iter(divided), wanted) == result

    for query in (0, 1):
        order = sorted(names, key=lambda image: (images[image][query], image))
        at = [row[query] for row in images.values()]
        assert result[query] == {
            image: Rank(
                order.index(image),
                sum(distance < images[image][query] for distance in at),
                at.count(images[image][query]),
            )
            for image in targets
        }


def test_distances_one_ulp_apart_are_distinguished() -> None:
    near, far = np.float32(0.1), np.nextafter(np.float32(0.1), np.float32(1))
    blocks = [("", ["b", "a", "c"], np.array([[near, far, near]]))]
    assert ranks(blocks, [{"a": float(far), "c": float(near)}]) == [{"a": Rank(2, 2, 1), "c": Rank(1, 0, 2)}]
    assert ranks(blocks, [{}]) == [{}]
