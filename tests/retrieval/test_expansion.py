import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from osrmac.config import Distance
from osrmac.retrieval import expansion
from osrmac.retrieval.expansion import expand


def slow(
    vector: NDArray[np.float64], database: NDArray[np.float64], neighbours: int, alpha: float
) -> NDArray[np.float64]:
    """The definition, one vector at a time, nearest by L1."""
    nearest = sorted(range(len(database)), key=lambda row: (np.abs(database[row] - vector).sum(), row))[:neighbours]
    total, weight = vector.copy(), 1.0
    for row in nearest:
        cosine = database[row] @ vector / (np.linalg.norm(database[row]) * np.linalg.norm(vector))
        total += max(cosine, 0) ** alpha * database[row]
        weight += max(cosine, 0) ** alpha
    return np.asarray(total / weight)


@given(st.integers(0, 10_000), st.integers(1, 6), st.floats(0.5, 5))
def test_expansion_follows_its_definition(seed: int, neighbours: int, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    vectors, database = rng.normal(size=(3, 8)), rng.normal(size=(10, 8))
    found = expand(vectors.astype(np.float32), database.astype(np.float32), neighbours, alpha, "l1")
    expected = [slow(vector, database, neighbours, alpha) for vector in vectors]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_by_hand() -> None:
    database = np.array([[1, 0], [0, 1], [-1, 0]], np.float32)
    # The nearest to (2, 0) has cosine 1, the next cosine 0: (2 + 1) / (1 + 1).
    np.testing.assert_allclose(expand(np.array([[2, 0]], np.float32), database, 2, 3.0, "l1"), [[1.5, 0]], atol=1e-6)


def test_a_neighbour_on_the_other_side_counts_nothing() -> None:
    database = np.array([[-1, 0]], np.float32)
    np.testing.assert_allclose(expand(np.array([[1, 0]], np.float32), database, 1, 1.0, "l1"), [[1, 0]])


@pytest.mark.parametrize("distance", ["l1", "l2", "cosine"])
def test_augmentation_draws_groups_together(distance: Distance) -> None:
    rng = np.random.default_rng(0)
    centres = np.repeat(rng.normal(size=(4, 16)), 5, axis=0)
    database = (centres + 0.3 * rng.normal(size=centres.shape)).astype(np.float32)
    augmented = expand(database, database, 4, 3.0, distance)
    assert augmented.shape == database.shape
    assert np.abs(augmented - centres).sum() < 0.7 * np.abs(database - centres).sum()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    database = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    whole = expand(database, database, 3, 2.0, "l1")
    monkeypatch.setattr(expansion, "_BLOCK", 7)
    np.testing.assert_allclose(expand(database, database, 3, 2.0, "l1"), whole, rtol=1e-6)


def test_the_arguments_are_left_alone() -> None:
    database = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    kept = database.copy()
    expand(database, database, 2, 3.0, "l1")
    np.testing.assert_array_equal(database, kept)
