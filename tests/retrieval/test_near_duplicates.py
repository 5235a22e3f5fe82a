"""Groups against networkx and scipy."""

import networkx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.cluster.hierarchy import fcluster, linkage

from osrmac.retrieval.near_duplicates import complete_groups, connected_groups

nodes = st.integers(0, 19)


@given(st.lists(st.tuples(nodes, nodes), max_size=30))
def test_connected_groups_are_the_connected_components(pairs: list[tuple[int, int]]) -> None:
    expected = sorted(sorted(group) for group in networkx.connected_components(networkx.Graph(pairs)) if len(group) > 1)
    assert [group.tolist() for group in connected_groups(np.array(pairs, np.int64).reshape(-1, 2))] == expected


@given(arrays(np.float64, 45, elements=st.floats(0, 1), unique=True), st.floats(0.05, 0.95))
def test_complete_groups_are_those_of_complete_linkage(condensed: np.ndarray, threshold: float) -> None:
    pairs = np.stack(np.triu_indices(10, 1), 1)
    linked = condensed <= threshold
    found = complete_groups(pairs[linked] + 100, condensed[linked].astype(np.float64))
    labels = fcluster(linkage(condensed, "complete"), threshold, "distance")
    expected = sorted(
        (np.flatnonzero(labels == label) + 100).tolist() for label in set(labels) if (labels == label).sum() > 1
    )
    assert [group.tolist() for group in found] == expected


def test_a_chain_is_one_connected_group_but_several_complete_ones() -> None:
    chain = np.array([[0, 1], [1, 2], [2, 3]])
    assert [group.tolist() for group in connected_groups(chain)] == [[0, 1, 2, 3]]
    assert [group.tolist() for group in complete_groups(chain, np.array([0.1, 0.3, 0.2], np.float32))] == [
        [0, 1],
        [2, 3],
    ]


def test_no_pairs_make_no_groups() -> None:
    none = np.empty((0, 2), np.int64)
    assert connected_groups(none) == []
    assert complete_groups(none, np.empty(0, np.float32)) == []
