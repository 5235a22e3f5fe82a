"""Distances against scipy's, in double precision, and rankings against Python's sort."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from osrmac.config import Distance
from osrmac.retrieval.distances import distances, ranking

Vectors = NDArray[np.float32]

METRICS: dict[Distance, Literal["cityblock", "euclidean", "cosine"]] = {
    "l1": "cityblock",
    "l2": "euclidean",
    "cosine": "cosine",
}
every_distance = pytest.mark.parametrize("distance", METRICS)


def vectors(number: int, seed: int) -> Vectors:
    return np.random.default_rng(seed).normal(size=(number, 384)).astype(np.float32)


DATABASE = vectors(40, seed=0)


def by_scipy(queries: Vectors, database: Vectors, distance: Distance) -> NDArray[np.float64]:
    expected: NDArray[np.float64] = cdist(queries.astype(np.float64), database.astype(np.float64), METRICS[distance])
    return expected


@pytest.mark.parametrize("queries", [1, 30])
@every_distance
def test_distances_are_those_of_scipy(queries: int, distance: Distance) -> None:
    asked = vectors(queries, seed=1)

    found = distances(asked, DATABASE, distance)

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, by_scipy(asked, DATABASE, distance), rtol=1e-5, atol=1e-6)


@every_distance
def test_near_duplicates_keep_their_tiny_distances(distance: Distance) -> None:
    moved = DATABASE + np.geomspace(1e-4, 1e-2, 40, dtype=np.float32)[:, None] * vectors(40, seed=1)

    found = np.diag(distances(moved, DATABASE, distance))

    np.testing.assert_allclose(found, np.diag(by_scipy(moved, DATABASE, distance)), rtol=1e-2)


@pytest.mark.parametrize("queries", [1, 30])
@every_distance
def test_equal_vectors_are_equally_far_wherever_they_stand(queries: int, distance: Distance) -> None:
    for copies in range(2, 40):
        found = distances(DATABASE[:queries], np.repeat(DATABASE[-1:], copies, axis=0), distance)
        np.testing.assert_array_equal(found, np.repeat(found[:, :1], copies, axis=1))


@every_distance
def test_a_vector_is_nearest_to_itself(distance: Distance) -> None:
    found = distances(DATABASE, DATABASE, distance)

    assert not np.diag(found).any()
    np.testing.assert_array_equal(ranking(found)[:, 0], np.arange(len(DATABASE)))


def test_the_length_of_a_vector_has_no_part_in_its_cosine_distance() -> None:
    np.testing.assert_allclose(
        distances(2 * DATABASE[:5], DATABASE, "cosine"), distances(DATABASE[:5], DATABASE, "cosine")
    )


@given(arrays(np.float32, array_shapes(max_dims=2), elements=st.integers(0, 3)))
def test_nearest_lead_and_of_equally_near_ones_the_first(to_database: Vectors) -> None:
    ordered = ranking(to_database)

    assert ordered.shape == to_database.shape
    for places, row in zip(np.atleast_2d(ordered), np.atleast_2d(to_database), strict=True):
        assert list(places) == sorted(range(len(row)), key=lambda place: (row[place], place))


@every_distance
def test_vectors_of_another_length_are_refused(distance: Distance) -> None:
    with pytest.raises(ValueError, match="queries of 383 numbers and a database of 384"):
        distances(DATABASE[:2, 1:], DATABASE, distance)


@every_distance
def test_pieces_of_a_database_make_no_difference(distance: Distance, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = distances(DATABASE[:3], DATABASE, distance)
    monkeypatch.setattr("osrmac.retrieval.distances._PIECE", 7)

    np.testing.assert_array_equal(distances(DATABASE[:3], DATABASE, distance), whole)
