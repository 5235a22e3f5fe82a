"""Database-side augmentation in parts and on disk, against that of the entire collection at once."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from osrmac.errors import StorageError
from osrmac.retrieval.expansion import average
from osrmac.runs.refinement import expansion
from osrmac.runs.refinement.augmentation import augmented
from osrmac.runs.scan import Scan
from osrmac.runs.shard_reader import Block
from osrmac.types import Matrix

IDS = [f"{number:02d}" for number in range(20)]
SHUFFLED = [IDS[row] for row in np.random.default_rng(9).permutation(20)]


def vectors(seed: int) -> Matrix:
    return np.random.default_rng(seed).normal(size=(20, 6)).astype(np.float32)


def scanned(per_recipe: Sequence[Matrix], block_rows: int, outside: frozenset[str] = frozenset()) -> Scan:
    """A scan of vectors that belong to IDS, in blocks of a given size, as shards have them in any order."""
    names = [sorted(SHUFFLED[start : start + block_rows]) for start in range(0, 20, block_rows)]
    rows = [[IDS.index(name) for name in of_block] for of_block in names]
    blocks = [Block(of_block, tuple(v[r] for v in per_recipe)) for of_block, r in zip(names, rows, strict=True)]
    return Scan(lambda: blocks, "l1", outside=outside)


def in_order(images: Scan) -> list[Matrix]:
    """All vectors in the order of IDS, by recipe."""
    return [np.stack([by_id[image] for image in IDS]) for by_id in images.vectors(IDS)]


def at_once(values: Matrix) -> Matrix:
    distances = np.abs(values[:, None] - values[None]).sum(axis=2)
    return average(values, values[np.argsort(distances, axis=1, kind="stable")[:, :3]], 2.0)


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("block_rows", [20, 3])
@pytest.mark.parametrize("gathered", [250_000_000, 5 * 3 * 6 * 4, 1])
def test_parts_and_the_disk_change_no_number(
    monkeypatch: pytest.MonkeyPatch, in_memory: bool, block_rows: int, gathered: int
) -> None:
    values = [vectors(0), vectors(1)]
    monkeypatch.setattr(expansion, "_GATHERED", gathered)
    with augmented(scanned(values, block_rows), 3, 2.0, in_memory=in_memory) as images:
        for found, before in zip(in_order(images), values, strict=True):
            np.testing.assert_array_equal(found, at_once(before))
        assert sorted(image for block in images.blocks() for image in block.ids) == IDS


@pytest.mark.parametrize("gathered", [250_000_000, 1])
def test_few_blocks_are_compared_with_all_others_at_once(monkeypatch: pytest.MonkeyPatch, gathered: int) -> None:
    monkeypatch.setattr(expansion, "_GATHERED", gathered)
    with augmented(scanned([vectors(0)], 3), 3, 2.0, in_memory=True) as images:
        assert len(list(images.blocks())) == (7 if gathered == 1 else 1)


def test_without_neighbours_nothing_is_read() -> None:
    images = Scan(lambda: pytest.fail("read"), "l1")
    with augmented(images, 0, 3.0, in_memory=False) as found:
        assert found is images


def test_images_outside_of_the_collection_are_neither_neighbours_nor_averaged() -> None:
    outside = frozenset(IDS[5:9])
    with augmented(scanned([vectors(0)], 3, outside), 3, 2.0, in_memory=True) as images:
        (found,) = in_order(images)
    inside = [row for row, image in enumerate(IDS) if image not in outside]
    np.testing.assert_array_equal(found[inside], at_once(vectors(0)[inside]))
    np.testing.assert_array_equal(found[5:9], vectors(0)[5:9])


def test_the_files_are_deleted_whatever_happens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def stop() -> None:
        with augmented(scanned([vectors(0), vectors(1)], 3), 3, 2.0, in_memory=False):
            assert sorted(path.name for path in tmp_path.glob("*/*")) == ["0-0.npy", "0-1.npy"]
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        stop()
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_an_error_of_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: Path, values: NDArray[np.float32]) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with (
        pytest.raises(StorageError, match=r"cannot access .*0-0\.npy: .*No space left") as caught,
        augmented(scanned([vectors(0)], 3), 3, 2.0, in_memory=False),
    ):
        pass
    assert "\n" not in str(caught.value)
