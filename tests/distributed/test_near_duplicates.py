from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from osrmac.distributed import near_duplicates
from osrmac.distributed.near_duplicates import all_pairs, clustered_pairs, look_at
from osrmac.runs.methods import Method
from osrmac.runs.near_duplicates.grey_thumbnails import picture_agreements
from osrmac.runs.near_duplicates.vector_pieces import Pairs, VectorPieces, compare_panel
from tests.tiny_run import tiny_run

SINGLE = Method("single", "single", ("single",))
NEAR = 1.0
"""Distance of the copies; other vectors are at least at several times this distance."""


def vectors(number: int, seed: int) -> np.ndarray:
    """Vectors in clusters, and a copy of every fifth, moved a little."""
    random = np.random.default_rng(seed)
    centres = 20 * np.random.default_rng(0).normal(size=(12, 16))
    rows = centres[random.integers(0, 12, number)] + 4 * random.normal(size=(number, 16))
    moved = random.normal(size=(number // 5, 16))
    rows[: number // 5] = rows[-(number // 5) :] + 0.9 * NEAR * moved / np.abs(moved).sum(1, keepdims=True)
    return rows.astype(np.float32)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> VectorPieces:
    rows = {f"{number:03d}": row for number, row in enumerate(vectors(200, 1))}
    run = tiny_run(tmp_path_factory.mktemp("run"), {"single": rows}, rows_per_shard=30)
    return VectorPieces.of(run, SINGLE)


@pytest.fixture(scope="module")
def others(images: VectorPieces, tmp_path_factory: pytest.TempPathFactory) -> VectorPieces:
    """Twenty of the images moved a little, and forty others."""
    rows = np.concatenate([vectors(200, 1)[50:70] + 0.05, vectors(40, 2)])
    run = tiny_run(tmp_path_factory.mktemp("other"), {"single": dict(zip(map(str, range(60)), rows, strict=True))})
    return VectorPieces.of(run, SINGLE, 200)


def as_set(pairs: Pairs) -> set[tuple[int, ...]]:
    return set(map(tuple, pairs.positions.tolist()))


def exact(images: VectorPieces, others: VectorPieces | None) -> set[tuple[int, ...]]:
    panels = images.panels()
    return as_set(
        Pairs.joined([each for part in panels for each in compare_panel(images, part, others, NEAR, "l1", "cpu")])
    )


@pytest.mark.integration
@pytest.mark.parametrize("size", [256_000_000, 2_000])
def test_pairs_in_near_clusters_are_found_and_no_others(
    images: VectorPieces, others: VectorPieces, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(near_duplicates, "_BYTES", size)
    for side in (None, others):
        steps: list[tuple[int, int]] = []
        found = Pairs.joined(
            list(clustered_pairs(images, side, NEAR, "l1", "cpu", lambda *step, seen=steps: seen.append(step)))
        )
        expected = exact(images, side)
        assert len(expected) >= 20
        assert as_set(found) <= expected
        assert len(as_set(found)) >= 0.95 * len(expected)
        assert (found.distances <= NEAR).all()
        assert (found.positions[:, 0] < found.positions[:, 1]).all()
        assert steps[-1][0] == steps[-1][1]


@pytest.mark.integration
def test_pairs_on_either_side_of_a_border_are_found(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, {"single": {f"{number:02d}": [number] for number in range(100)}}, rows_per_shard=30)
    line = VectorPieces.of(run, SINGLE)
    found = as_set(Pairs.joined(list(clustered_pairs(line, None, NEAR, "l1", "cpu"))))
    assert found == exact(line, None)
    assert len(found) == 99


@pytest.mark.integration
def test_a_single_image_is_compared_with_a_large_run(
    images: VectorPieces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near_duplicates, "_SAMPLE", 1)  # of which the share of one image is less than one
    copy = tiny_run(tmp_path / "copy", {"single": {"copy": vectors(200, 1)[100]}})
    found = Pairs.joined(list(clustered_pairs(images, VectorPieces.of(copy, SINGLE, 200), NEAR, "l1", "cpu")))
    assert len(as_set(found)) >= 1
    assert {other for _, other in as_set(found)} == {200}


def test_all_pairs_are_those_of_one_process(images: VectorPieces, others: VectorPieces) -> None:
    for side in (None, others):
        found = Pairs.joined(list(all_pairs(images, side, NEAR, "l1", "cpu")))
        assert as_set(found) == exact(images, side)
        assert len(found) == len(as_set(found))


def test_cosine_distances_are_compared_in_clusters_of_directions(images: VectorPieces) -> None:
    found = Pairs.joined(list(clustered_pairs(images, None, 1e-4, "cosine", "cpu")))
    expected = as_set(Pairs.joined(list(compare_panel(images, range(len(images.shards)), None, 1e-4, "cosine", "cpu"))))
    assert as_set(found) <= expected
    assert len(as_set(found)) >= 0.9 * len(expected) > 0


def test_pixels_are_compared_as_by_one_process(images: VectorPieces, tmp_path: Path) -> None:
    Image.fromarray(data.astronaut()).save(tmp_path / "one.jpg")
    Image.fromarray(data.astronaut()).resize((300, 300)).save(tmp_path / "other.jpg")
    task = [(images.run, str(tmp_path / f"{name}.jpg")) for name in ("one", "other")], np.array([[0, 1]])
    (found,) = look_at([task])
    np.testing.assert_allclose(found, picture_agreements(*task), atol=1e-4)
