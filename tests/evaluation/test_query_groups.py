"""Groups of queries, on sets like those of the benchmarks and against a slow reference."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.evaluation.query_groups import query_groups

SETS = st.lists(st.frozensets(st.sampled_from("abcdefg"), min_size=1), max_size=12)


def reference(images: list[frozenset[str]]) -> list[int]:
    """Merge the groups of every two queries of which the smaller set is at least half in the other."""
    groups = list(range(len(images)))
    for left, right in combinations(range(len(images)), 2):
        if 2 * len(images[left] & images[right]) >= min(len(images[left]), len(images[right])):
            groups = [groups[left] if group == groups[right] else group for group in groups]
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    return [numbers[group] for group in groups]


@given(SETS)
def test_groups_are_those_of_the_reference(images: list[frozenset[str]]) -> None:
    found = query_groups(images)
    numbers = {group: number for number, group in enumerate(dict.fromkeys(found))}
    assert [numbers[group] for group in found] == reference(images)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ([], []),
        # Oxford5k: queries for a landmark have the same images, and two landmarks may share one.
        (["abcd", "abcd", "dxyz", "dxyz"], [0, 0, 1, 1]),
        # Holidays, ukbench and groups: the image of each query is relevant to the others.
        (["ab", "ba", "cd"], [0, 0, 1]),
        # ROxford5k: each query of a landmark has relevant images of its own.
        (["abcd", "abef", "wxyz"], [0, 0, 1]),
    ],
)
def test_queries_for_the_same_thing_are_of_one_group(images: list[str], expected: list[int]) -> None:
    assert query_groups(images) == expected
