from pathlib import Path

import numpy as np
import pytest

from osrmac.runs.methods import Method
from osrmac.runs.near_duplicates import scene_cut as module
from osrmac.runs.near_duplicates.calibration import load_calibrations
from osrmac.runs.near_duplicates.scene_cut import scene_cut
from osrmac.storage.run import Run
from tests.tiny_run import tiny_run

SINGLE = Method("single", "single", ("single",))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Sixty scenes far from each other, and two shots of each."""
    random = np.random.default_rng(0)
    scenes = random.normal(size=(60, 64)).repeat(2, 0)
    vectors = scenes + random.normal(scale=0.01, size=scenes.shape)
    shots = {str(number): vector for number, vector in enumerate(vectors)}
    return tiny_run(tmp_path / "run", {"single": shots}, rows_per_shard=200)


def test_the_cut_is_between_shots_of_a_scene_and_other_scenes(run: Run) -> None:
    cut = scene_cut(run, SINGLE, "l1")
    assert cut is not None
    assert 64 * 0.03 < cut < 64
    (calibration,) = load_calibrations(run)
    assert calibration.same == "scene"
    assert scene_cut(run, SINGLE, "l1") == cut


def test_large_collections_are_not_calibrated_for_a_sheet(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SMALL", 119)
    assert scene_cut(run, SINGLE, "l1") is None
    monkeypatch.setattr(module, "_SMALL", 120)
    cut = scene_cut(run, SINGLE, "l1")
    monkeypatch.setattr(module, "_SMALL", 0)
    assert scene_cut(run, SINGLE, "l1") == cut is not None


def test_there_is_no_cut_without_shots_of_one_scene_or_between_regions(tmp_path: Path) -> None:
    vectors = {f"{number}": row for number, row in enumerate(np.random.default_rng(0).normal(size=(60, 64)))}
    run = tiny_run(tmp_path / "run", {"single": vectors}, rows_per_shard=60)
    assert scene_cut(run, SINGLE, "l1") is None
    assert scene_cut(run, Method("m", "m", ("single",), best_region=True), "l1") is None
