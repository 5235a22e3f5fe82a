from collections.abc import Sequence

import numpy as np
import pytest

from osrmac.config import Distance
from osrmac.retrieval.expansion import average
from osrmac.runs.refinement.expansion import expanded
from osrmac.runs.scan import Scan
from osrmac.runs.shard_reader import Block
from osrmac.types import Matrix

IDS = [f"{number:02d}" for number in range(20)]


def vectors(seed: int, rows: int = 20) -> Matrix:
    return np.random.default_rng(seed).normal(size=(rows, 6)).astype(np.float32)


def scanned(per_recipe: Sequence[Matrix], block_rows: int = 20, distance: Distance = "l1") -> Scan:
    """A scan of these vectors in blocks of a given size."""
    parts = [slice(start, start + block_rows) for start in range(0, len(IDS), block_rows)]
    blocks = [Block(IDS[part], tuple(values[part] for values in per_recipe)) for part in parts]
    return Scan(lambda: blocks, distance)


@pytest.mark.parametrize("block_rows", [20, 7])
def test_queries_are_expanded_for_each_recipe_by_its_own_distances(block_rows: int) -> None:
    values, queries = [vectors(0), vectors(1)], [vectors(2, 3), vectors(3, 3)]
    found = expanded(scanned(values, block_rows), queries, 4, 2.0)
    for vectors_in, database, averages in zip(queries, values, found, strict=True):
        distances = np.abs(vectors_in[:, None] - database[None]).sum(axis=2)
        neighbours = database[np.argsort(distances, axis=1, kind="stable")[:, :4]]
        np.testing.assert_allclose(averages, average(vectors_in, neighbours, 2.0), rtol=1e-6)


def test_more_neighbours_than_images_are_all_images() -> None:
    (found,) = expanded(scanned([vectors(0)]), [vectors(1, 2)], 100, 1.0)
    np.testing.assert_allclose(found, average(vectors(1, 2), np.stack([vectors(0)] * 2), 1.0), atol=1e-5)


@pytest.mark.parametrize("distance", ["l1", "l2", "cosine"])
def test_augmentation_draws_groups_together(distance: Distance) -> None:
    rng = np.random.default_rng(0)
    centres = np.repeat(rng.normal(size=(4, 16)), 5, axis=0)
    database = (centres + 0.3 * rng.normal(size=centres.shape)).astype(np.float32)
    (augmented,) = expanded(scanned([database], 7, distance), [database], 4, 3.0)
    assert np.abs(augmented - centres).sum() < 0.7 * np.abs(database - centres).sum()
