"""The overview of clusters, and of further images, against loops over all distances."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from osrmac.retrieval import overview as module
from osrmac.retrieval.overview import SampleOverview, numbered

SCENES, SHOTS = 12, 5


def photographs(seed: int, shots: int) -> NDArray[np.float32]:
    """Shots of the same scenes for each seed, all of a scene in a row, then two images unlike all others."""
    scenes = np.random.default_rng(0).normal(size=(SCENES, 64))
    rng = np.random.default_rng(seed)
    vectors = np.repeat(scenes, shots, axis=0) + rng.normal(scale=0.1, size=(SCENES * shots, 64))
    return np.concatenate([vectors, rng.normal(scale=2, size=(2, 64))]).astype(np.float32)


@pytest.fixture(scope="module")
def sample() -> SampleOverview:
    return SampleOverview.of(photographs(1, SHOTS), "l1")


def test_scenes_are_groups_and_the_rest_is_isolated(sample: SampleOverview) -> None:
    scenes = np.repeat(np.arange(SCENES), SHOTS)
    labels, alone = sample.placed.labels[:-2], sample.placed.labels[-2:]
    assert len(set(zip(scenes.tolist(), labels.tolist(), strict=True))) == len(set(labels.tolist())) == SCENES
    assert not set(alone.tolist()) & set(labels.tolist())
    assert set(np.argsort(-sample.placed.isolation)[:2].tolist()) == {SCENES * SHOTS, SCENES * SHOTS + 1}
    distances = cdist(sample.vectors, sample.vectors, "cityblock")
    np.testing.assert_allclose(sample.placed.isolation, np.sort(distances, axis=1)[:, 10], rtol=1e-5)
    first = distances[0, 1:SHOTS].mean()
    assert sample.placed.group_distances[0] == pytest.approx(first, rel=1e-5)
    assert sample.placed.group_distances[-1] == 0


def test_few_images_at_a_time_give_the_same_overview(sample: SampleOverview, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK_BYTES", 1000)
    done: list[int] = []
    again = SampleOverview.of(sample.vectors, "l1", update=done.append)
    assert len(done) > 10
    assert done[-1] == len(sample.vectors)
    assert again.threshold == sample.threshold
    for name in ("labels", "group_distances", "positions", "isolation"):
        np.testing.assert_array_equal(getattr(again.placed, name), getattr(sample.placed, name))


def test_further_images_join_the_nearest_group_within_the_threshold(
    sample: SampleOverview, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK_BYTES", 1000)
    vectors = photographs(2, 2)
    placed = sample.assign(vectors)
    distances = cdist(vectors, sample.vectors, "cityblock")
    for row, apart in enumerate(distances):
        means = [apart[sample.placed.labels == label].mean() for label in range(sample.placed.labels.max() + 1)]
        joined = int(np.argmin(means)) if min(means) <= sample.threshold else -1
        assert placed.labels[row] == joined
        assert placed.group_distances[row] == pytest.approx(min(means), rel=1e-5)
        nearest = np.argsort(apart)[:10]
        assert placed.isolation[row] == pytest.approx(apart[nearest[-1]], rel=1e-5)
        np.testing.assert_allclose(placed.positions[row], np.median(sample.placed.positions[nearest[:5]], axis=0))
    assert (placed.labels[:-2] == np.repeat(sample.placed.labels[:-2:SHOTS], 2)).all()
    assert placed.labels[-2:].tolist() == [-1, -1]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_images_have_an_overview(count: int) -> None:
    placed = SampleOverview.of(np.eye(count, 4, dtype=np.float32), "cosine").placed
    assert placed.isolation == pytest.approx([0 if count == 1 else 1] * count, abs=1e-6)
    assert ((placed.positions >= 0) & (placed.positions <= 1)).all()


def test_many_copies_of_one_image_are_a_group() -> None:
    vectors = np.concatenate([np.ones((110, 4)), np.random.default_rng(0).normal(size=(5, 4)) * 9]).astype(np.float32)
    placed = SampleOverview.of(vectors, "l1").placed
    assert len(set(placed.labels[:110].tolist())) == 1
    assert placed.isolation[:110].tolist() == [0] * 110
    assert np.isfinite(placed.positions).all()


def test_groups_are_numbered_by_size() -> None:
    assert numbered(np.array([3, 1, 0, 1, 3, 3, -1, 2])).tolist() == [0, 1, -1, 1, 0, 0, -1, -1]
    assert numbered(np.array([-1, -1])).tolist() == [-1, -1]
