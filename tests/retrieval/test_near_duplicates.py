"""Groups against networkx, however the pairs arrive."""

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.retrieval import near_duplicates as groups
from osrmac.retrieval.near_duplicates import Groups

places = st.integers(0, 19)


@given(st.lists(st.lists(st.tuples(places, places), max_size=5), max_size=6))
def test_groups_are_connected_components(batches: list[list[tuple[int, int]]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "_HELD", 4)
        found = Groups(20)
        for batch in batches:
            found.join(np.array(batch, np.int64).reshape(-1, 2))
        members = [group.tolist() for group in found.members()]
    graph = networkx.Graph(pair for batch in batches for pair in batch)
    expected = sorted(sorted(group) for group in networkx.connected_components(graph) if len(group) > 1)
    assert members == expected


def test_nothing_hangs_together_without_pairs() -> None:
    assert Groups(3).members() == []
    assert Groups(0).members() == []
