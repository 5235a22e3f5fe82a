"""Distances by weight, against distances of vectors scaled by the weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from osrmac.config import Distance
from osrmac.retrieval.distances import distances
from osrmac.retrieval.weighted_distances import weighted_distances

every_distance = pytest.mark.parametrize("distance", ["l1", "l2", "cosine"])


@every_distance
@given(data=st.data())
def test_distances_equal_those_of_scaled_vectors(distance: Distance, data: st.DataObject) -> None:
    parts = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    weights = data.draw(st.lists(st.floats(0.1, 2), min_size=len(parts), max_size=len(parts)))
    dropped = data.draw(st.integers(0, len(parts)))
    if dropped < len(parts) > 1:
        weights[dropped] = 0.0
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    queries, database = (rng.normal(size=(n, sum(parts))).astype(np.float32) for n in (3, 5))

    result = weighted_distances(queries, database, parts, distance)(weights)

    scales = np.repeat(np.array(weights, np.float32), parts)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, distances(queries * scales, database * scales, distance), rtol=1e-4, atol=1e-5)


@every_distance
def test_equal_vectors_are_equally_far_and_nearest_to_themselves(distance: Distance) -> None:
    vectors = np.random.default_rng(0).random((4, 40), dtype=np.float32)
    database: NDArray[np.float32] = np.repeat(vectors, 3, axis=0)

    result = weighted_distances(vectors, database, (24, 16), distance)((0.3, 1.0))

    np.testing.assert_array_equal(result, np.repeat(result[:, ::3], 3, axis=1))
    np.testing.assert_allclose(np.diag(result[:, ::3]), 0, atol=1e-6)


def test_zero_vectors_have_cosine_distance_one() -> None:
    vectors = np.eye(2, dtype=np.float32)
    np.testing.assert_array_equal(weighted_distances(vectors, vectors, (1, 1), "cosine")((0.0, 1.0)), [[1, 1], [1, 0]])
