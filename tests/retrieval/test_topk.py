"""Nearest images block by block, against a sort of all images."""

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from osrmac.retrieval.topk import candidates, merge_nearest, nearest

distances = st.integers(0, 3).map(float)


@given(st.lists(st.lists(st.tuples(distances, distances), max_size=5), max_size=5), st.integers(1, 8), st.randoms())
def test_nearest_images_equal_those_of_a_sort_of_all_images(
    collection: list[list[tuple[float, float]]], number: int, random: Random
) -> None:
    names = [f"{number:03d}" for number in range(sum(map(len, collection)))]
    random.shuffle(names)
    all_images, blocks = [], []
    for shard, rows in enumerate(collection):
        ids = sorted(names.pop() for _ in rows)
        blocks.append((f"block {shard}", ids, np.array(rows, np.float32).reshape(-1, 2).T))
        all_images += [(row, image, f"block {shard}") for row, image in zip(rows, ids, strict=True)]

    result = nearest(iter(blocks), 2, number)

    for query in (0, 1):
        expected = sorted((row[query], image, block) for row, image, block in all_images)[:number]
        assert [(match.distance, match.id, match.shard) for match in result[query]] == expected
        assert [match.rank for match in result[query]] == list(range(1, len(expected) + 1))
        at = [row[query] for row, _, _ in all_images]
        assert [match.tied for match in result[query]] == [at.count(distance) > 1 for distance, _, _ in expected]


@given(
    st.lists(st.lists(st.tuples(distances, distances), max_size=4), max_size=6),
    st.integers(1, 8),
    st.integers(1, 4),
    st.randoms(),
)
def test_nearest_images_do_not_depend_on_the_parts(
    collection: list[list[tuple[float, float]]], number: int, parts: int, random: Random
) -> None:
    names = [f"{number:03d}" for number in range(sum(map(len, collection)))]
    random.shuffle(names)
    blocks = [
        (f"block {shard}", [names.pop() for _ in rows], np.array(rows, np.float32).reshape(-1, 2).T)
        for shard, rows in enumerate(collection)
    ]
    divided = [candidates(blocks[part::parts], 2, number) for part in range(parts)]
    assert merge_nearest(iter(divided), 2, number) == nearest(blocks, 2, number)


def test_a_tie_with_an_image_beyond_the_last_is_marked() -> None:
    blocks = [("one", ["d", "b"], np.array([[2, 1]], np.float32)), ("two", ["a", "c"], np.array([[1, 2]], np.float32))]
    for number, tied in [(1, [True]), (2, [True] * 2), (3, [True] * 3), (9, [True] * 4)]:
        (matches,) = nearest(blocks, 1, number)
        assert [(match.id, match.tied) for match in matches] == list(zip("abcd", tied, strict=False))
    assert [match.tied for match in nearest(blocks[:1], 1, 1)[0]] == [False]


def test_an_empty_collection_gives_no_matches() -> None:
    assert nearest([], 2, 3) == [[], []]
