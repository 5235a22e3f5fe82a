"""Distances against scipy in double precision, and rankings against Python's sort."""

import subprocess
import sys
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from osrmac.config import Distance
from osrmac.retrieval.distances import distances, nearest_region, ranking

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
def test_distances_equal_those_of_scipy(queries: int, distance: Distance) -> None:
    query_vectors = vectors(queries, seed=1)

    result = distances(query_vectors, DATABASE, distance)

    assert result.dtype == np.float32
    np.testing.assert_allclose(result, by_scipy(query_vectors, DATABASE, distance), rtol=1e-5, atol=1e-6)


@every_distance
def test_distances_of_near_duplicates_are_precise(distance: Distance) -> None:
    moved = DATABASE + np.geomspace(1e-4, 1e-2, 40, dtype=np.float32)[:, None] * vectors(40, seed=1)

    result = np.diag(distances(moved, DATABASE, distance))

    np.testing.assert_allclose(result, np.diag(by_scipy(moved, DATABASE, distance)), rtol=1e-2)


@pytest.mark.parametrize("queries", [1, 30])
@every_distance
def test_equal_vectors_are_equally_far_at_any_position(queries: int, distance: Distance) -> None:
    for copies in range(2, 40):
        result = distances(DATABASE[:queries], np.repeat(DATABASE[-1:], copies, axis=0), distance)
        np.testing.assert_array_equal(result, np.repeat(result[:, :1], copies, axis=1))


@every_distance
def test_equal_vectors_are_equally_far_in_any_shard_and_any_company(distance: Distance) -> None:
    """Ties are recognised by equal distances, so these must be equal to the last bit."""
    for size in (1, 2, 5, 32):
        shards = [np.concatenate([vectors(size, seed), DATABASE[-1:], vectors(seed, size)]) for seed in range(1, 9)]
        (first, *others) = [distances(DATABASE, shard, distance)[:, size] for shard in shards]
        for other in others:
            np.testing.assert_array_equal(first, other)


@every_distance
def test_a_vector_is_nearest_to_itself(distance: Distance) -> None:
    result = distances(DATABASE, DATABASE, distance)

    assert not np.diag(result).any()
    np.testing.assert_array_equal(ranking(result)[:, 0], np.arange(len(DATABASE)))


def test_cosine_distances_ignore_vector_lengths() -> None:
    np.testing.assert_allclose(
        distances(2 * DATABASE[:5], DATABASE, "cosine"), distances(DATABASE[:5], DATABASE, "cosine")
    )


@given(arrays(np.float32, array_shapes(max_dims=2), elements=st.integers(0, 3)))
def test_rankings_are_by_distance_then_by_position(query_distances: Vectors) -> None:
    ordered = ranking(query_distances)

    assert ordered.shape == query_distances.shape
    for positions, row in zip(np.atleast_2d(ordered), np.atleast_2d(query_distances), strict=True):
        assert list(positions) == sorted(range(len(row)), key=lambda position: (row[position], position))


@every_distance
def test_vectors_of_different_lengths_are_refused(distance: Distance) -> None:
    with pytest.raises(ValueError, match="queries have 383 dimensions, but the database has 384"):
        distances(DATABASE[:2, 1:], DATABASE, distance)


@every_distance
def test_the_block_size_does_not_change_the_result(distance: Distance, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = distances(DATABASE[:3], DATABASE, distance)
    monkeypatch.setattr("osrmac.retrieval.distances._BLOCK_ROWS", 7)

    np.testing.assert_array_equal(distances(DATABASE[:3], DATABASE, distance), whole)


@every_distance
def test_torch_devices_give_the_distances_of_the_cpu(distance: Distance) -> None:
    """The device `cpu:0` takes the branch of GPUs."""
    read_only = DATABASE.copy()
    read_only.setflags(write=False)
    by_torch = distances(DATABASE[:5], read_only, distance, "cpu:0")

    np.testing.assert_allclose(by_torch, distances(DATABASE[:5], DATABASE, distance), rtol=1e-5, atol=1e-6)


def test_the_nearest_region_by_hand() -> None:
    per_region = np.array([[3, 1, 2, 9, 5], [4, 6, 0, 7, 8]], np.float32)
    assert nearest_region(per_region, np.array([2, 1, 2])).tolist() == [[1, 2, 5], [4, 0, 7]]
    assert nearest_region(per_region[:, :0], np.zeros(0, np.int64)).shape == (2, 0)


def test_the_retrieval_package_loads_neither_torch_nor_scikit_learn() -> None:
    modules = ("distances", "topk", "ranks", "weighted_distances", "expansion")
    code = f"""
import sys
{"".join(f"import osrmac.retrieval.{module}; " for module in modules)}
import numpy as np
for distance in ("l1", "l2", "cosine"):
    osrmac.retrieval.distances.distances(np.eye(3, dtype="f4"), np.eye(3, dtype="f4"), distance)
print(sorted({{"torch", "sklearn", "scipy", "ray", "pandas"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
