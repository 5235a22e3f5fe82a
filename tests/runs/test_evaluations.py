from dataclasses import asdict
from pathlib import Path

import pytest

from osrmac.evaluation.results import Evaluation, Score
from osrmac.evaluation.sweep import Point, Sweep
from osrmac.runs.evaluations import load_evaluations, load_sweeps
from osrmac.storage.run import Run

EVALUATION = Evaluation(
    "oxford5k",
    ("mAP", "mP@1"),
    "10 of 5062 images",
    {"distance": "l1"},
    (Score("osrmac-pfa-32", "osrmac + PFA", "whole", 32, 3, {"mAP": 81.5, "mP@1": 100.0}),),
)
SWEEP = Sweep("groups", "mAP", "osrmac", {"distance": "l1"}, (Point("pfa", 32, 0, "whole", 70.0),))


@pytest.fixture
def scored(tmp_path: Path) -> Run:
    run = Run(str(tmp_path))
    run.evaluation("oxford5k", ".json").write_json(EVALUATION.to_json())
    run.evaluation("oxford5k-whole", ".json").write_json(EVALUATION.to_json())
    run.evaluation("groups-sweep", ".json").write_json(asdict(SWEEP))
    run.evaluation("tables", ".json").write_json({"tables": []})
    return run


def test_evaluations_are_read_by_the_name_of_their_files(scored: Run) -> None:
    assert load_evaluations(scored) == {"oxford5k": EVALUATION, "oxford5k-whole": EVALUATION}


def test_sweeps_are_read_apart_from_evaluations(scored: Run) -> None:
    assert load_sweeps(scored) == [SWEEP]


def test_a_run_without_evaluations_has_none(tmp_path: Path) -> None:
    assert load_evaluations(Run(str(tmp_path))) == {}
    assert load_sweeps(Run(str(tmp_path))) == []
