"""SuperGlobal against the formulas, written out for single images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.retrieval.reranking import RerankedBlocks, superglobal
from osrmac.types import DistanceBlock, Matrix


def by_the_formulas(query: Matrix, images: Matrix, neighbours: int, beta: float) -> list[float]:
    """The scores, image by image."""

    def unit(vector: Matrix) -> list[float]:
        length = float(np.linalg.norm(vector.astype(float)))
        return [float(value) / length if length else 0.0 for value in vector]

    def dot(left: list[float], right: list[float]) -> float:
        return sum(a * b for a, b in zip(left, right, strict=True))

    q, x = unit(query), [unit(image) for image in images]
    refined = []
    for i, image in enumerate(x):
        others = sorted((j for j in range(len(x)) if j != i), key=lambda j, image=image: -dot(image, x[j]))  # type: ignore[misc]
        total, weights = list(image), 1.0
        for j in others[:neighbours]:
            weight = beta * max(0.0, dot(image, x[j]))
            total = [a + weight * b for a, b in zip(total, x[j], strict=True)]
            weights += weight
        refined.append([value / weights for value in total])
    first = [dot(q, r) for r in refined]
    best = sorted(range(len(x)), key=lambda i: -first[i])[: neighbours + 1]
    expanded = [max(refined[i][axis] for i in best) for axis in range(len(q))]
    return [(first[i] + dot(expanded, refined[i])) / 2 for i in range(len(x))]


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 15), st.floats(0, 2), st.booleans())
def test_scores_follow_the_formulas(seed: int, number: int, neighbours: int, beta: float, signed: bool) -> None:
    rng = np.random.default_rng(seed)
    query, images = rng.normal(size=5).astype(np.float32), rng.normal(size=(number, 5)).astype(np.float32)
    if not signed:
        query, images = np.abs(query), np.abs(images)
    found = superglobal(query, images, neighbours, beta)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, by_the_formulas(query, images, neighbours, beta), atol=1e-5)


def test_scores_by_hand() -> None:
    # c = 0.6, so r = (1.18, 0.24) / 1.3 and (0.9, 0.8) / 1.3, q.r = 1.18 / 1.3 and 0.9 / 1.3, q' = (1.18, 0.8) / 1.3.
    images = np.array([[2, 0], [3, 4]], np.float32)
    found = superglobal(np.array([5, 0], np.float32), images, 1, 0.5)
    q_refined, expanded = np.array([1.18, 0.9]) / 1.3, np.array([1.18 * 1.18 + 0.8 * 0.24, 1.18 * 0.9 + 0.8 * 0.8])
    np.testing.assert_allclose(found, (q_refined + expanded / 1.69) / 2, rtol=1e-6)


def test_a_single_image_has_the_mean_of_its_similarities_to_the_query_and_to_itself() -> None:
    found = superglobal(np.array([1, 0], np.float32), np.array([[0.6, 0.8]], np.float32), 9, 0.15)
    np.testing.assert_allclose(found, [0.8], rtol=1e-6)


def test_without_weight_for_neighbours_images_are_compared_as_they_are() -> None:
    query, images = np.array([1, 0], np.float32), np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32)
    # q' is the maximum of the first two, (1, 0.8).
    np.testing.assert_allclose(superglobal(query, images, 1, 0.0), [1, (0.6 + 1.24) / 2, 0.4], rtol=1e-6)


def test_a_neighbour_of_negative_similarity_has_no_weight() -> None:
    images = np.array([[1, 0], *[[-1, 0]] * 9], np.float32)
    # With c = -1 the weights would add up to 1 - 9 * 0.15 < 0.
    assert superglobal(np.array([1, 0], np.float32), images, 9, 0.15)[0] == pytest.approx(1)


@pytest.mark.parametrize("number", [1, 3, 20])
def test_zero_vectors_have_score_zero(number: int) -> None:
    zeros = np.zeros((number, 3), np.float32)
    np.testing.assert_array_equal(superglobal(np.ones(3, np.float32), zeros, 9, 0.15), 0)
    images = np.concatenate([np.eye(3, dtype=np.float32), zeros])
    found = superglobal(np.array([1, 0, 0], np.float32), images, 2, 0.15)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[3:], 0)


@given(st.integers(0, 1000), st.integers(2, 70))
def test_equal_images_have_equal_scores_wherever_they_are(seed: int, number: int) -> None:
    rng = np.random.default_rng(seed)
    images = rng.random((number, 33)).astype(np.float32)
    copies = rng.choice(number, size=max(2, number // 3), replace=False)
    images[copies] = images[copies[0]]
    found = superglobal(rng.random(33).astype(np.float32), images, 9, 0.15)
    assert len(set(found[copies].tolist())) == 1


def test_the_arguments_are_unchanged() -> None:
    rng = np.random.default_rng(0)
    query, images = rng.random(4).astype(np.float32), rng.random((6, 4)).astype(np.float32)
    copies = query.copy(), images.copy()
    superglobal(query, images, 2, 0.5)
    np.testing.assert_array_equal(query, copies[0])
    np.testing.assert_array_equal(images, copies[1])


def test_reranked_images_precede_all_others_in_every_iteration() -> None:
    blocks: list[DistanceBlock] = [
        ("one", ["a", "b", "c"], np.array([[0, 1, 2], [0, 0, 0]], np.float32)),
        ("two", ["d", "e"], np.array([[3, 0], [1, 2]], np.float32)),
    ]
    reranked = RerankedBlocks(blocks, [{"a": 0.1, "d": 0.9, "c": 0.1}, {}])
    for _ in range(2):
        found = list(reranked)
        assert [(url, ids) for url, ids, _ in found] == [(url, ids) for url, ids, _ in blocks]
        np.testing.assert_array_equal(np.hstack([block for *_, block in found]), [[-1, 1, -1, -2, 0], [0, 0, 0, 1, 2]])
    np.testing.assert_array_equal(blocks[0][2][0], [0, 1, 2])
