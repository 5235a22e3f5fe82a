from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from osrmac.runs.methods import Method
from osrmac.runs.near_duplicates import vector_pieces
from osrmac.runs.near_duplicates.vector_pieces import Pairs, Piece, VectorPieces, compare_panel
from osrmac.storage import shards
from tests.tiny_run import tiny_run

VALUES = np.array([0.0, 0.1, 5.0, 9.0, 9.3, 9.35, 20.0])
IDS = [f"{number}.jpg" for number in range(len(VALUES))]
SINGLE = Method("single", "single", ("single",))


@pytest.fixture
def images(tmp_path: Path) -> VectorPieces:
    """Images on a line, two in a shard."""
    vectors = {name: [value] for name, value in zip(IDS, VALUES, strict=True)}
    return VectorPieces.of(tiny_run(tmp_path / "run", {"single": vectors}), SINGLE)


def named(images: VectorPieces, pairs: Pairs) -> dict[frozenset[str], float]:
    ids = [name for shard in images.shards for name in shards.described_ids(shard)]
    return {
        frozenset((ids[one], ids[other])): distance
        for (one, other), distance in zip(pairs.positions.tolist(), pairs.distances.tolist(), strict=True)
    }


@pytest.mark.parametrize(("piece", "panel"), [(2048, 256_000_000), (1, 1), (1, 12), (3, 4)])
def test_every_pair_within_the_threshold_is_found_once(
    images: VectorPieces, monkeypatch: pytest.MonkeyPatch, piece: int, panel: int
) -> None:
    monkeypatch.setattr(vector_pieces, "_PIECE", piece)
    panels = list(images.panels(panel))
    found = Pairs.joined([each for part in panels for each in compare_panel(images, part, None, 0.5, "l1", "cpu")])
    assert named(images, found) == {
        frozenset(pair): pytest.approx(apart, abs=1e-5)
        for pair in combinations(IDS, 2)
        if (apart := abs(VALUES[IDS.index(pair[0])] - VALUES[IDS.index(pair[1])])) <= 0.5
    }
    assert len(found) == len(named(images, found))
    assert (found.positions[:, 0] < found.positions[:, 1]).all()


def test_pairs_of_two_runs_have_an_image_of_each(images: VectorPieces, tmp_path: Path) -> None:
    others = VectorPieces.of(tiny_run(tmp_path / "other", {"single": {"a": [0.05], "b": [9.32]}}), SINGLE, 7)
    assert others.starts == (7, 9)
    parts = [each for part in images.panels(1) for each in compare_panel(images, part, others, 0.5, "l1", "cpu")]
    found = Pairs.joined(parts)
    ids = [name for side in (images, others) for shard in side.shards for name in shards.described_ids(shard)]
    pairs = {(ids[one], ids[other]) for one, other in found.positions.tolist()}
    assert pairs == {("0.jpg", "a"), ("1.jpg", "a"), ("3.jpg", "b"), ("4.jpg", "b"), ("5.jpg", "b")}


@pytest.mark.parametrize(("size", "expected"), [(1, 4), (16, 2), (10**9, 1)])
def test_panels_are_consecutive_shards_of_about_a_size(images: VectorPieces, size: int, expected: int) -> None:
    panels = list(images.panels(size))
    assert [number for panel in panels for number in panel] == list(range(len(images.shards)))
    assert len(panels) == expected


def test_a_panel_has_described_images(tmp_path: Path) -> None:
    orders = set()
    for number in range(8):  # the names of the shards, and their order, depend on the ids
        failed = {f"a{number}-{row}": ("decode", "the file is empty") for row in range(3)}
        vectors = {f"b{number}-{row}": [row] for row in range(3)}
        run = tiny_run(tmp_path / str(number), {"single": vectors}, failed=failed, rows_per_shard=3)
        images = VectorPieces.of(run, SINGLE)
        orders.add(images.starts)
        assert all(list(images.pieces(panel)) for panel in images.panels(1))
    assert orders == {(0, 0, 3), (0, 3, 3)}


def test_images_are_looked_up_by_position(images: VectorPieces) -> None:
    ids = [name for shard in images.shards for name in shards.described_ids(shard)]
    positions = np.array([0, 3, 4, 6])
    rows = images.rows_at(positions)
    assert rows["id"].to_pylist() == [ids[position] for position in positions]
    assert rows["uri"].to_pylist() == [f"/photos/{ids[position]}" for position in positions]
    (vectors,) = images.vectors_at(positions)
    assert vectors[:, 0] == pytest.approx([VALUES[IDS.index(ids[position])] for position in positions])
    assert images.rows_at(positions[:0]).num_rows == 0


def test_a_piece_compares_with_all_images_or_with_later_ones() -> None:
    left, right = (
        Piece(np.array([3, 8]), (np.zeros((2, 1), np.float32),)),
        Piece(np.array([1, 5]), (np.zeros((2, 1), np.float32),)),
    )
    every = left.pairs(right, 1.0, "l1", "cpu", later=False)
    assert sorted(every.positions.tolist()) == [[1, 3], [1, 8], [3, 5], [5, 8]]
    assert left.pairs(right, 1.0, "l1", "cpu").positions.tolist() == [[3, 5]]
    assert len(left.pairs(right[np.array([False, False])], 1.0, "l1", "cpu")) == 0
