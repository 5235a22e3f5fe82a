"""Groups against a slow agglomeration, and means against loops."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.spatial.distance import squareform

from osrmac.retrieval.average_linkage import average_groups, distances_within, mean_distances

condensed_distances = arrays(np.float64, 45, elements=st.floats(0.01, 1), unique=True)


def slow_groups(distances: NDArray[np.float64], threshold: float) -> list[list[int]]:
    """Merge the two groups with the smallest mean distance, one pair of groups at a time."""
    groups = [[item] for item in range(len(distances))]
    while len(groups) > 1:
        means = {
            pair: float(np.mean([[distances[a, b] for b in groups[pair[1]]] for a in groups[pair[0]]]))
            for pair in combinations(range(len(groups)), 2)
        }
        (one, other), smallest = min(means.items(), key=lambda item: item[1])
        if smallest > threshold:
            break
        groups[one] += groups.pop(other)
    return sorted(map(sorted, groups))


@given(condensed_distances, st.floats(0.05, 0.95))
def test_groups_are_those_of_a_slow_agglomeration(condensed: NDArray[np.float64], threshold: float) -> None:
    labels = average_groups(condensed, threshold)
    assert set(labels.tolist()) == set(range(labels.max() + 1))
    found = [np.flatnonzero(labels == label).tolist() for label in range(labels.max() + 1)]
    assert sorted(found) == slow_groups(squareform(condensed), threshold)


def test_a_chain_is_cut_where_the_mean_distance_is_too_large() -> None:
    places = np.array([0.0, 1, 2.1, 3.3])
    distances = squareform(np.abs(places[:, None] - places), checks=False)
    assert average_groups(distances, 1.3).tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
    assert len(set(average_groups(distances, 3.0).tolist())) == 1


def test_one_image_is_one_group() -> None:
    assert average_groups(np.empty(0), 1.0).tolist() == [0]
    assert distances_within(np.empty(0), np.zeros(1, np.int64)).tolist() == [0]


@given(condensed_distances, arrays(np.int64, 10, elements=st.integers(0, 3)))
def test_distances_within_are_means_over_the_other_members(
    condensed: NDArray[np.float64], labels: NDArray[np.int64]
) -> None:
    square, means = squareform(condensed), distances_within(condensed, labels)
    for row, label in enumerate(labels):
        others = [column for column in range(10) if labels[column] == label and column != row]
        assert means[row] == pytest.approx(np.mean(square[row, others]) if others else 0, rel=1e-6)


def test_mean_distances_are_those_to_each_group() -> None:
    distances = np.array([[1, 2, 4, 8], [0, 0, 1, 1]], np.float32)
    labels = np.array([1, 0, 1, 2])
    assert mean_distances(distances, labels).tolist() == [[2, 2.5, 8], [0, 0.5, 1]]
