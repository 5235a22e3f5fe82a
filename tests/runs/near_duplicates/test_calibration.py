from pathlib import Path

import pytest

from osrmac.errors import DamagedFileError, StorageError
from osrmac.runs.methods import Method
from osrmac.runs.near_duplicates import calibration as module
from osrmac.runs.near_duplicates.calibration import (
    PictureCalibration,
    SceneCalibration,
    load_calibrations,
    stored_calibration,
    vectors_digest,
    write_calibration,
)
from osrmac.storage.run import Run
from tests.tiny_run import tiny_run

SINGLE = Method("single", "single", ("single",))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return tiny_run(tmp_path / "run", {"single": {"a": [0]}})


def pictures(run: Run, images: int = 100) -> PictureCalibration:
    return PictureCalibration(
        method="single",
        distance="l1",
        digest=vectors_digest(run, SINGLE),
        images=images,
        edits={"crop": ([1.0, 3.0], [0.9, 0.8]), "grey": ([2.0], [0.95])},
        neighbours=([2.5, 9.0], [0.3, 0.9]),
        sampled=1,
    )


def scenes(run: Run) -> SceneCalibration:
    return SceneCalibration(
        method="single", distance="l1", digest=vectors_digest(run, SINGLE), images=100, typical=5.0, counts=[0] * 400
    )


def test_calibrations_are_kept_in_the_run(run: Run) -> None:
    for calibration in (pictures(run), scenes(run)):
        write_calibration(run, calibration)
    assert load_calibrations(run) == [pictures(run), scenes(run)]
    assert stored_calibration(run, SINGLE, "l1", "picture", 100) == pictures(run)
    assert stored_calibration(run, SINGLE, "l1", "scene", 100) == scenes(run)
    assert stored_calibration(run, SINGLE, "l2", "scene", 100) is None


@pytest.mark.parametrize(("images", "is_kept"), [(100, True), (110, True), (91, True), (111, False), (89, False)])
def test_a_calibration_is_repeated_when_the_collection_has_grown(run: Run, images: int, is_kept: bool) -> None:
    write_calibration(run, pictures(run))
    assert (stored_calibration(run, SINGLE, "l1", "picture", images) is not None) == is_kept


def test_a_calibration_of_other_vectors_is_repeated(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write_calibration(run, pictures(run))
    monkeypatch.setattr(module, "vectors_digest", lambda *_: "another fit")
    assert stored_calibration(run, SINGLE, "l1", "picture", 100) is None


def test_thresholds_come_from_edits_and_from_neighbours_within_their_reach(run: Run) -> None:
    found = pictures(run)
    assert found.reach == 3
    assert found.edited.shape == (2, 3)
    # The neighbour at a distance of 9 is out of reach; that at 2.5 agrees moderately.
    threshold, precision = found.agreement(0.5)
    assert threshold == pytest.approx(0.8)
    assert 0.5 < precision < 1
    assert scenes(run).threshold(0.99) == 0


def test_a_run_that_cannot_be_written_is_calibrated_all_the_same(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise StorageError("read-only")

    monkeypatch.setattr(module, "locked", refuse)
    write_calibration(run, pictures(run))
    assert load_calibrations(run) == []
    assert "the calibration is not kept: read-only" in capsys.readouterr().err


def test_a_damaged_calibration_says_what_to_do(run: Run) -> None:
    (run.calibrations / "single-l1-picture.json").write_json({"same": "picture"})
    with pytest.raises(DamagedFileError, match="remove it and run osrmac duplicates again"):
        load_calibrations(run)
    with pytest.raises(DamagedFileError, match="remove it and run osrmac duplicates again"):
        stored_calibration(run, SINGLE, "l1", "picture", 1)
