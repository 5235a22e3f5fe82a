import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from osrmac.retrieval.expansion import average


def one_average(vector: NDArray[np.float64], neighbours: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """The definition, for one vector."""
    total, weights = vector.copy(), 1.0
    for neighbour in neighbours:
        cosine = neighbour @ vector / (np.linalg.norm(neighbour) * np.linalg.norm(vector))
        total += max(cosine, 0) ** alpha * neighbour
        weights += max(cosine, 0) ** alpha
    return np.asarray(total / weights)


@given(st.integers(0, 10_000), st.integers(1, 6), st.floats(0.5, 5))
def test_the_average_follows_its_definition(seed: int, number: int, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    vectors, neighbours = rng.normal(size=(3, 8)), rng.normal(size=(3, number, 8))
    found = average(vectors.astype(np.float32), neighbours.astype(np.float32), alpha)
    expected = [one_average(*pair, alpha) for pair in zip(vectors, neighbours, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_an_average_by_hand() -> None:
    # The first neighbour has cosine 1, the second cosine 0: (2 + 1) / (1 + 1).
    neighbours = np.array([[[1, 0], [0, 1]]], np.float32)
    np.testing.assert_allclose(average(np.array([[2, 0]], np.float32), neighbours, 3.0), [[1.5, 0]], atol=1e-6)


def test_a_neighbour_of_negative_cosine_has_no_weight() -> None:
    neighbours = np.array([[[-1, 0]]], np.float32)
    np.testing.assert_allclose(average(np.array([[1, 0]], np.float32), neighbours, 1.0), [[1, 0]])


def test_the_arguments_are_unchanged() -> None:
    vectors = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    neighbours = np.stack([vectors, vectors], axis=1)
    copies = vectors.copy(), neighbours.copy()
    average(vectors, neighbours, 3.0)
    np.testing.assert_array_equal(vectors, copies[0])
    np.testing.assert_array_equal(neighbours, copies[1])
