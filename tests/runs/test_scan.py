import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from osrmac.config import Distance
from osrmac.errors import ConfigError
from osrmac.retrieval.distances import distances
from osrmac.runs import scan
from osrmac.runs.refinement import expansion
from osrmac.runs.refinement.expansion import expanded
from osrmac.runs.scan import Scan, smallest_distances, torch_device
from osrmac.runs.shard_reader import Block
from osrmac.types import Matrix
from tests.tiny_run import tiny_run

IDS = [f"{number:02d}" for number in range(20)]


def vectors(seed: int, rows: int = 20) -> Matrix:
    return np.random.default_rng(seed).normal(size=(rows, 6)).astype(np.float32)


def scanned(per_recipe: Sequence[Matrix], block_rows: int = 20, distance: Distance = "l1") -> Scan:
    """A scan of these vectors in blocks of a given size."""
    starts = range(0, len(IDS), block_rows)
    blocks = [
        Block(IDS[start : start + block_rows], tuple(values[start : start + block_rows] for values in per_recipe))
        for start in starts
    ]
    return Scan(lambda: blocks, distance)


def test_the_smallest_distance_of_all_recipes_counts() -> None:
    queries = [np.zeros((1, 2), np.float32)] * 2
    images = [np.array([[1, 1], [5, 5]], np.float32), np.array([[4, 4], [3, 3]], np.float32)]
    np.testing.assert_array_equal(smallest_distances(queries, images, "l1"), [[2, 6]])


def test_blocks_do_not_change_the_nearest_images() -> None:
    values, queries = [vectors(0), vectors(1)], [vectors(2, 3), vectors(3, 3)]
    assert scanned(values, 7).nearest(queries, 5) == scanned(values).nearest(queries, 5)


def with_regions(counts: Sequence[int], block_images: int, distance: Distance) -> Scan:
    """A scan of images with so many regions each, in blocks of a number of images."""
    values = vectors(0, sum(counts))
    ends = np.cumsum(counts)
    blocks = [
        Block(
            IDS[first : min(first + block_images, len(counts))],
            (values[ends[first] - counts[first] : ends[min(first + block_images, len(counts)) - 1]],),
            regions=np.array(counts[first : first + block_images]),
        )
        for first in range(0, len(counts), block_images)
    ]
    return Scan(lambda: [*blocks, Block([], (vectors(0, 0),), regions=np.zeros(0, np.int64))], distance)


@pytest.mark.parametrize("distance", ["l1", "l2", "cosine"])
@pytest.mark.parametrize("block_images", [1, 3, 7])
def test_the_nearest_region_of_an_image_counts(distance: Distance, block_images: int) -> None:
    counts = [3, 1, 4, 1, 5, 2, 6]
    values, queries = vectors(0, sum(counts)), vectors(1, 3)
    regions = np.split(values, np.cumsum(counts)[:-1])
    expected = np.array([[distances(query[None], each, distance).min() for each in regions] for query in queries])
    found = with_regions(counts, block_images, distance)
    per_block = [block for _, _, block in found.distances([queries])]
    np.testing.assert_array_equal(np.concatenate(per_block, axis=1), expected)
    for row, matches in zip(expected, found.nearest([queries], 4), strict=True):
        assert [match.id for match in matches] == [IDS[image] for image in np.argsort(row)[:4]]


def test_the_vector_of_an_image_with_regions_is_their_unit_sum() -> None:
    counts = [3, 1, 4]
    regions = np.split(vectors(0, 8), np.cumsum(counts)[:-1])
    (found,) = with_regions(counts, 2, "l1").vectors(["02", "00", "missing"])
    assert found.keys() == {"00", "02"}
    for image in (0, 2):
        total = regions[image].sum(axis=0)
        np.testing.assert_allclose(found[IDS[image]], total / np.linalg.norm(total), rtol=1e-5)


def test_vectors_are_looked_up_by_id_and_unknown_ids_left_out() -> None:
    first, second = scanned([vectors(0), vectors(1)], 7).vectors(["12", "03", "missing"])
    assert first.keys() == second.keys() == {"03", "12"}
    np.testing.assert_array_equal(first["12"], vectors(0)[12])
    np.testing.assert_array_equal(second["03"], vectors(1)[3])


@pytest.mark.parametrize("block_rows", [20, 7])
def test_limits_of_memory_change_no_number(monkeypatch: pytest.MonkeyPatch, block_rows: int) -> None:
    images, queries = scanned([vectors(0), vectors(1)], block_rows), [vectors(2, 5), vectors(3, 5)]
    matches, averages = images.nearest(queries, 6), expanded(images, queries, 4, 2.0)
    monkeypatch.setattr(scan, "_DISTANCES", 5 * 3 * 4)
    monkeypatch.setattr(expansion, "_GATHERED", 2 * 4 * 6 * 4)
    assert max(distances.shape for *_, distances in images.distances(queries)) == (5, 3)
    assert images.nearest(queries, 6) == matches
    for found, expected in zip(expanded(images, queries, 4, 2.0), averages, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_vectors_that_are_looked_up_do_not_keep_their_block_in_memory() -> None:
    ((vector,),) = (by_id.values() for by_id in scanned([vectors(0)]).vectors(["12"]))
    assert vector.base is None


def test_images_outside_of_the_collection_have_vectors_but_are_never_found() -> None:
    outside = replace(scanned([vectors(0)], 7), outside=frozenset({"03", "12"}))
    found = outside.nearest([vectors(1, 2)], 20)
    expected = scanned([vectors(0)]).nearest([vectors(1, 2)], 20)
    for matches, of_all in zip(found, expected, strict=True):
        assert [match.id for match in matches] == [match.id for match in of_all if match.id not in {"03", "12"}]
    np.testing.assert_array_equal(outside.vectors(["12"])[0]["12"], vectors(0)[12])


def test_a_gpu_is_used_where_torch_finds_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "_has_gpu_driver", lambda: True)
    monkeypatch.setattr(scan, "_torch_finds_gpu", lambda: True)
    assert [torch_device("auto"), torch_device("cuda"), torch_device("cpu")] == ["cuda", "cuda", "cpu"]


def test_torch_is_not_asked_for_a_gpu_without_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "_has_gpu_driver", lambda: False)
    monkeypatch.setattr(scan, "_torch_finds_gpu", lambda: pytest.fail("torch was asked"))
    assert torch_device("auto") == "cpu"
    with pytest.raises(ConfigError, match="torch finds no GPU"):
        torch_device("cuda")


def test_a_search_by_id_loads_no_heavy_library(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, {"single": {"a.jpg": [0.0, 1.0], "b.jpg": [1.0, 0.0]}})
    code = f"""
import sys
from osrmac.commands.search import search
from osrmac.config import SearchConfig
(result,) = search({run.url!r}, ["b.jpg"], SearchConfig(device="cpu"))
assert [match.id for match in result.matches] == ["b.jpg", "a.jpg"]
heavy = {{"torch", "torchvision", "sklearn", "duckdb", "ray"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
