"""What is measured from a run of synthetic pictures, against distances by scipy."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from osrmac.descriptor.edits import EDITS
from osrmac.runs.methods import choose_method
from osrmac.runs.near_duplicates import calibrate
from osrmac.runs.near_duplicates.calibrate import picture_calibration, scene_calibration
from osrmac.runs.near_duplicates.vector_pieces import VectorPieces
from osrmac.storage.run import Run


@pytest.fixture
def images(run: Run) -> VectorPieces:
    return VectorPieces.of(run, choose_method(run, "osrmac"))


def distances(images: VectorPieces) -> np.ndarray:
    (vectors,) = images.vectors_at(np.arange(len(images)))
    apart: np.ndarray = cdist(vectors.astype(float), vectors.astype(float), "cityblock")
    return apart


@pytest.mark.integration
def test_edited_pictures_are_described_and_neighbours_are_the_nearest_others(
    images: VectorPieces, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = picture_calibration(images, "l1", "cpu")
    assert found.edits.keys() == EDITS.keys()
    assert sum(len(pair[0]) for pair in found.edits.values()) == 2 * 26
    assert all(len(pair[0]) == len(pair[1]) >= 5 for pair in found.edits.values())
    apart = distances(images)
    edited, agreements = found.edited
    assert 0 < edited.min() < edited.max() < 3 * np.median(apart)
    assert np.median(agreements) > 0.9

    np.fill_diagonal(apart, np.inf)
    near, near_agreements = (np.array(values).reshape(26, 3) for values in found.neighbours)
    np.testing.assert_allclose(near, np.sort(apart, 1)[:, :3], atol=1e-4)
    assert (near_agreements[near == 0] > 0.99).all()  # copies
    assert found.sampled == 26

    monkeypatch.setattr(calibrate, "describe_files", None)  # nothing is described again
    assert picture_calibration(images, "l1", "cpu") == found


def test_distances_of_a_sample_to_all_are_counted(images: VectorPieces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrate, "_COMPARED", 10)
    found = scene_calibration(images, "l1", "cpu")
    assert sum(found.counts) == 10 * 25
    assert found.images == 26
    apart = distances(images)
    assert apart[apart > 0].min() < found.typical < apart.max()
    monkeypatch.setattr(calibrate, "_distances", None)
    assert scene_calibration(images, "l1", "cpu") == found
