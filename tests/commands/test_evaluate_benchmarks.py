"""Small collections in the layouts of published benchmarks, scored by hand.

Each image has one number as its descriptor, which is its place on a line.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from osrmac.commands.evaluate import evaluate
from osrmac.config import EvaluationConfig
from osrmac.evaluation.results import Evaluation
from tests.tiny_run import tiny_run

FIRST_AND_THIRD = 100 * (1 + 2 / 3) / 2
"""Rectangular AP of two relevant images at ranks 1 and 3."""


def run_of(folder: Path, places: Mapping[str, float]) -> str:
    return tiny_run(folder, {"single": {image: [place] for image, place in places.items()}}).url


def values(found: Evaluation) -> dict[str, list[float]]:
    """Score of each query in the main measure, by mode."""
    return {score.mode: [result.values[found.measure] for result in score.results] for score in found.scores}


def test_google_landmarks(tmp_path: Path) -> None:
    """Query a0 finds b1 first and b3 third; other queries, which lie between, are left out. Query a7 finds b9 last."""
    truth = tmp_path / "retrieval_solution_v2.1.csv"
    truth.write_text("id,images,Usage\na0,b1 b3,Private\na7,b9,Public\na2,None,Ignored\n")
    places = {"test/a/0/a0.jpg": 0, "test/a/7/a7.jpg": 0.5, "test/a/2/a2.jpg": 0.6}
    places |= {f"index/b/b{place}.jpg": place for place in (1, 2, 3, 9)}
    truth_config = EvaluationConfig(benchmark="gldv2", ground_truth=str(truth))
    found = evaluate(run_of(tmp_path / "run", places), truth_config)
    assert values(found) == {"private": [pytest.approx(FIRST_AND_THIRD)], "public": [pytest.approx(100 / 4)]}
    assert found.coverage == "4 of 761757 images"
    (result,) = found.scores[-1].results
    assert [match.id for match in result.matches] == [f"index/b/b{place}.jpg" for place in (1, 2, 3, 9)]


def test_ilias_with_distractors(tmp_path: Path) -> None:
    """A distractor lies between the two relevant images, and has the id of one of them."""
    ids = tmp_path / "image_ids"
    ids.mkdir()
    (ids / "image_query_ids.txt").write_text("cup/query/Q0.jpg,x\n")
    (ids / "positive_ids.txt").write_text("cup/pos/P0.jpg,0.5,3\ncup/pos/P1.jpg,0.5,3\n")
    run = run_of(tmp_path / "run", {"core/cup/query/Q0.jpg": 0, "core/cup/pos/P0.jpg": 1, "core/cup/pos/P1.jpg": 3})
    others = run_of(tmp_path / "others", {"core/cup/pos/P1.jpg": 2, "yfcc100m-0.tar/a": 7})
    truth = EvaluationConfig(benchmark="ilias", ground_truth=str(ids), distractors=others)
    found = evaluate(run, truth)
    assert values(found) == {"whole": [pytest.approx(FIRST_AND_THIRD)]}
    assert found.coverage == "2 of 4715 images + 2 distractors"
    assert found.conditions["distractors"] == f"2 of {others}, 1 of them named like images of the ground truth"
    (score,) = found.scores
    assert [(match.id, match.verdict) for match in score.results[0].matches] == [
        ("core/cup/pos/P0.jpg", "relevant"),
        ("distractor:core/cup/pos/P1.jpg", "wrong"),
        ("core/cup/pos/P1.jpg", "relevant"),
        ("distractor:yfcc100m-0.tar/a", "wrong"),
    ]


def test_gpr1200(tmp_path: Path) -> None:
    """Every image finds itself first, and the other one of its category third, but 8_c finds 8_d fourth."""
    run = run_of(tmp_path / "run", {"7_a.jpg": 0, "7_b.jpg": 1, "8_c.jpg": 0.4, "8_d.jpg": 10})
    found = evaluate(run, EvaluationConfig(benchmark="gpr1200", subset=True))
    third, fourth = FIRST_AND_THIRD, 100 * (1 + 2 / 4) / 2
    assert values(found) == {"all": pytest.approx([third, third, fourth, third])}
    assert found.coverage == "4 of 12000 images"


def test_instre(tmp_path: Path) -> None:
    """The query is outside of the collection, and finds its relevant images first and third."""
    images = [f"S1/cup/00{number}.jpg" for number in range(1, 4)]
    gnd = np.zeros((1, 1), [("ok", object), ("bbx", object)])
    gnd[0, 0] = (np.array([[1, 3]]), np.array([[10, 10, 40, 30]]))
    cells = np.empty((1, 3), object)
    cells[0, :] = images
    query = np.empty((1, 1), object)
    query[0, 0] = "S1/cup/009.jpg"
    savemat(tmp_path / "gnd_instre.mat", {"imlist": cells, "qimlist": query, "gnd": gnd})
    places = {"instre/S1/cup/009.jpg": 0.0} | {f"instre/{name}": float(n) for n, name in enumerate(images, 1)}
    run = run_of(tmp_path / "run", places)
    truth = EvaluationConfig(benchmark="instre", ground_truth=str(tmp_path / "gnd_instre.mat"), queries=("whole",))
    (score,) = evaluate(run, truth).scores
    assert score.values == pytest.approx({"mAP": 100 * (1 + (1 / 2 + 2 / 3) / 2) / 2, "mAP@all": FIRST_AND_THIRD})
