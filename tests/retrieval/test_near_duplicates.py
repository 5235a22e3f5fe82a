"""Suggested thresholds by hand, and groups against networkx."""

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.retrieval import near_duplicates
from osrmac.retrieval.near_duplicates import ConnectedComponents, suggest_threshold

nodes = st.integers(0, 19)


@given(st.lists(st.lists(st.tuples(nodes, nodes), max_size=5), max_size=6))
def test_groups_are_the_connected_components(batches: list[list[tuple[int, int]]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_duplicates, "_MAX_PENDING", 4)
        components = ConnectedComponents(20)
        for batch in batches:
            components.add(np.array(batch, np.int64).reshape(-1, 2))
        groups = [group.tolist() for group in components.groups()]
    graph = networkx.Graph(edge for batch in batches for edge in batch)
    expected = sorted(sorted(group) for group in networkx.connected_components(graph) if len(group) > 1)
    assert groups == expected


def test_a_graph_without_edges_has_no_groups() -> None:
    assert ConnectedComponents(3).groups() == []
    assert ConnectedComponents(0).groups() == []


def test_the_threshold_is_in_the_valley_between_copies_and_similar_images() -> None:
    nearest = np.array([2.4, 3.2, 4.5, 5.0, 5.5, 8.2, 8.4, 11, 12, 15, 20], np.float32)
    assert suggest_threshold(nearest, 25.5, "l1") == pytest.approx(np.sqrt(5.5 * 8.2))


def test_the_threshold_is_about_a_quarter_of_the_median_without_copies() -> None:
    assert suggest_threshold(np.array([11, 12, 20], np.float32), 24, "l1") == pytest.approx(np.sqrt(4 * 8))
    assert suggest_threshold(np.array([], np.float32), 24, "l2") == pytest.approx(np.sqrt(4 * 8))


def test_the_threshold_is_between_a_sixth_and_a_third_of_the_median() -> None:
    crowded = np.geomspace(0.01, 100, 1000, dtype=np.float32)
    assert 4 < suggest_threshold(crowded, 24, "l1") < 8


def test_cosine_distances_are_compared_by_their_roots() -> None:
    nearest = np.array([2.4, 3.2, 4.5, 5.0, 5.5, 8.2, 8.4], np.float32)
    assert suggest_threshold(nearest**2, 25.5**2, "cosine") == pytest.approx(5.5 * 8.2)


def test_the_threshold_is_zero_if_most_images_are_equal() -> None:
    assert suggest_threshold(np.zeros(5, np.float32), 0.0, "l1") == 0
