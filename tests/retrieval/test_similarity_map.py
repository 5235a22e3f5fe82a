"""The map of images: similar ones are near each other, and equal vectors give equal maps."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from osrmac.retrieval.similarity_map import map_neighbours, place, similarity_map


def mapped(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    distances = cdist(vectors, vectors, "cityblock").astype(np.float32)
    np.fill_diagonal(distances, -1)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, : map_neighbours(len(vectors))]
    return similarity_map(vectors, nearest, np.maximum(np.take_along_axis(distances, nearest, axis=1), 0))


def test_images_are_nearer_to_those_of_their_cluster_than_to_others() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 4
    vectors = (rng.normal(size=(4, 8)) * 4)[labels] + rng.normal(size=(40, 8))
    positions = mapped(vectors.astype(np.float32))
    apart = cdist(positions, positions)
    np.fill_diagonal(apart, np.inf)
    assert (labels[apart.argmin(axis=1)] == labels).all()
    assert np.array_equal(mapped(vectors.astype(np.float32)), positions)
    assert positions.dtype == np.float32


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("spread", [0, 1])
def test_any_number_of_images_is_mapped_within_the_unit_square(count: int, spread: int) -> None:
    positions = mapped(spread * np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32))
    assert positions.shape == (count, 2)
    assert ((positions >= 0) & (positions <= 1)).all()
    if count > 2:
        sides = np.ptp(positions, axis=0)
        assert sides.max() == pytest.approx(spread)
        np.testing.assert_allclose((positions.min(axis=0) + positions.max(axis=0)) / 2, 0.5, atol=1e-6)


@pytest.mark.parametrize(("images", "neighbours"), [(1, 1), (4, 4), (10, 10), (91, 91), (92, 92), (5000, 92)])
def test_a_map_depends_on_three_times_its_perplexity_of_neighbours(images: int, neighbours: int) -> None:
    assert map_neighbours(images) == neighbours


def test_a_further_image_is_placed_at_the_median_of_its_neighbours() -> None:
    positions = np.array([[0, 0], [0.1, 0.2], [0.2, 0.1], [1, 1]], np.float32)
    np.testing.assert_allclose(place(positions, np.array([[0, 1, 2], [3, 1, 2]])), [[0.1, 0.1], [0.2, 0.2]])
