from pathlib import Path

import numpy as np
import pytest

from osrmac.errors import StorageError
from osrmac.runs.methods import Method
from osrmac.runs.shard_reader import (
    Block,
    find_rows,
    list_shards,
    map_shards,
    read_blocks,
    read_region_blocks,
    refused_if_pruned,
    unpruned,
)
from osrmac.storage.run import Run
from tests.tiny_run import SIZE, tiny_run

FIRST = {f"{number}.jpg": [float(number)] for number in range(5)}
SECOND = {name: [-value[0], 0.0] for name, value in FIRST.items()}
FAILED = {"broken.jpg": ("decode", "the file is empty")}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return tiny_run(tmp_path, {"osrmac": FIRST, "osrmac_local": SECOND}, failed=FAILED)


def test_a_block_has_the_described_images_of_a_shard(run: Run) -> None:
    within = list_shards(run)
    blocks = list(read_blocks(run, Method("osrmac+cam", "", ("osrmac", "osrmac_local")), within))
    assert [block.shard for block in blocks] == within
    assert sorted(image for block in blocks for image in block.ids) == sorted(FIRST)
    for block in blocks:
        for recipe, vectors in zip((FIRST, SECOND), block.vectors, strict=True):
            expected = np.reshape([recipe[image] for image in block.ids], vectors.shape)
            np.testing.assert_array_equal(vectors, expected)


def test_a_block_of_regions_has_all_of_them(tmp_path: Path) -> None:
    regions = {"a.jpg": [[3, 0], [0, 4]], "b.jpg": [[0, 2]], "c.jpg": [[1, 0], [1, 0], [0, 1]]}
    run = tiny_run(tmp_path, {"rmac_regions": regions}, failed=FAILED)
    method = Method("rmac_regions+match", "", ("rmac_regions",), regional=True, best_region=True)
    within = list_shards(run)
    for blocks in (list(read_blocks(run, method, within)), list(read_region_blocks(method, within))):
        assert [block.shard for block in blocks] == within
        found = {
            image: vectors.tolist()
            for block in blocks
            for image, vectors in zip(
                block.ids, np.split(block.vectors[0], np.cumsum(np.asarray(block.regions))[:-1]), strict=True
            )
        }
        assert found == regions
    (of_images,) = Block(["c.jpg"], (np.array(regions["c.jpg"], np.float32),), regions=np.array([3])).of_images()
    np.testing.assert_allclose(of_images, [[2 / 5**0.5, 1 / 5**0.5]], rtol=1e-6)
    plain = Block(["a"], (np.ones((1, 2), np.float32),))
    assert plain.of_images() is plain.vectors


def test_rows_are_found_by_id_wherever_they_are(run: Run) -> None:
    within = list_shards(run)
    rows = find_rows(["4.jpg", "broken.jpg", "missing.jpg"], within)
    assert rows.keys() == {"4.jpg", "broken.jpg"}
    assert (rows["4.jpg"]["uri"], rows["4.jpg"]["width"], rows["4.jpg"]["height"]) == ("/photos/4.jpg", *SIZE)
    assert (rows["broken.jpg"]["status"], rows["broken.jpg"]["error_stage"]) == ("failed", "decode")
    assert rows["4.jpg"]["shard"] in within
    assert find_rows(["0.jpg"], [rows["broken.jpg"]["shard"]]) == {}


def test_results_come_in_the_order_of_the_shards(run: Run) -> None:
    within = list_shards(run)
    assert list(map_shards(lambda shard: shard.name, within)) == [shard.name for shard in within]


def test_a_run_without_descriptors_is_refused(run: Run, tmp_path: Path) -> None:
    for shard in list_shards(run):
        shard.remove()
    with pytest.raises(StorageError, match="no descriptors yet"):
        list_shards(run)
    with pytest.raises(StorageError, match="no run at"):
        list_shards(Run(str(tmp_path / "nowhere")))


def test_an_error_of_a_reader_is_replaced_if_images_were_removed_meanwhile(run: Run) -> None:
    with pytest.raises(KeyError, match="other"), unpruned(run):
        raise KeyError("other")
    message = r"images were removed from .* while it was read"
    with pytest.raises(StorageError, match=message), unpruned(run):  # noqa: PT012  # both steps belong to the reader
        run.finish_stage("prune", 1.0, removed=1, total=1)
        raise KeyError("gone.jpg")


def test_a_result_that_may_mix_two_states_is_refused(run: Run) -> None:
    @refused_if_pruned
    def read(url: str, pruned: int) -> int:
        for total in range(pruned):
            run.finish_stage("prune", 1.0, removed=1, total=total)
        return pruned

    assert read(run.url, 0) == 0
    with pytest.raises(StorageError, match="run the same command again"):
        read(run.url, pruned=1)


def test_a_part_of_a_block_keeps_the_regions_of_its_images() -> None:
    rows = np.arange(12, dtype=np.float32).reshape(6, 2)
    plain = Block(list("abcdef"), (rows, -rows)).part(slice(1, 3))
    assert plain.ids == ["b", "c"]
    np.testing.assert_array_equal(plain.vectors[1], -rows[1:3])
    regional = Block(["a", "b", "c"], (rows,), regions=np.array([1, 3, 2]))
    for part, kept in ((slice(1, 2), rows[1:4]), (slice(0, 2), rows[:4]), (slice(2, 9), rows[4:])):
        found = regional.part(part)
        np.testing.assert_array_equal(found.vectors[0], kept)
        assert found.regions is not None
        assert (found.ids, found.regions.tolist()) == (["a", "b", "c"][part], [1, 3, 2][part])
