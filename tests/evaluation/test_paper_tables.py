"""The paper's scores, and measured ones beside them."""

from dataclasses import replace

import pytest

from osrmac.evaluation.paper_tables import PAPER, paper_steps, paper_table
from osrmac.evaluation.results import Evaluation, Score


def score(method: str, mode: str, value: float, dimension: int = 2048) -> Score:
    return Score(method, method, mode, dimension, 55, {"mAP": value})


SCORES = (
    score("osrmac-pfa-320+cam", "whole", 70.0, 320),
    score("osrmac-pfa-320", "cropped", 60.0, 320),
    score("osrmac-pfa-320", "whole", 71.0, 320),
    score("osrmac-random-320", "whole", 50.0, 320),
    score("early", "whole", 65.5),
    score("single", "whole", 60.25),
)


def evaluation(*scores: Score, benchmark: str = "oxford5k") -> Evaluation:
    return Evaluation(benchmark, ("mAP",), "1100 of 5062 images", {"backbone": "resnet50"}, scores)


def test_measured_scores_stand_beside_the_papers_in_its_order() -> None:
    rows = [
        (row.label, row.method, row.dimension, row.measured, row.paper) for row in paper_table(evaluation(*SCORES)).rows
    ]
    assert rows == [
        ("Baseline, one scale", "single", 2048, {"whole": 60.25}, None),
        ("M-R l_j", "early", 2048, {"whole": 65.5}, 67.77),
        ("M-R l_j & l_j-1 + FS", "osrmac-pfa-320", 320, {"cropped": 60.0, "whole": 71.0}, 72.27),
        ("M-R l_j & l_j-1 + FS + CAM", "osrmac-pfa-320+cam", 320, {"whole": 70.0}, 70.54),
        ("control: random choice instead of FS", "osrmac-random-320", 320, {"whole": 50.0}, None),
    ]


def test_controls_have_the_spread_of_their_seeds_and_follow_the_selections_that_they_replace() -> None:
    random = replace(score("osrmac-random-320", "whole", 50.0, 320), spread={"mAP": 1.25}, seeds=20)
    others = score("osrmac-variance-320", "whole", 51.0), score("osrmac-random-128", "whole", 40.0)
    table = paper_table(evaluation(*SCORES[1:3], random, *others)).table()
    assert [row[0] for row in table.rows] == [
        "M-R l_j & l_j-1 + FS",
        "control: random choice instead of FS",
        "control: top variance instead of FS",
    ]
    assert list(table.rows[1])[3] == "50.00 ± 1.25"
    assert "±: mean and standard deviation over 20 seeds" in table.notes


def test_the_papers_scores_are_those_of_its_tables() -> None:
    assert list(PAPER["holidays"].values()) == [86.9, 86.7, 90.57, 91.47, 92.16, 85.04, 91.10, 93.98, 93.97]
    assert list(PAPER["paris6k"].values()) == [83.0, 77.6, 82.0, 69.48, 81.88, 87.10, 82.55]
    assert PAPER["oxford5k"]["M-R l_j"] == 67.77
    assert PAPER["oxford5k"]["M-R l_j & l_j-1 + FS"] == 72.27
    assert PAPER["ukbench"]["M-R l_j & l_j-1 + FS"] == 3.91


def test_methods_that_the_paper_compares_with_come_first_and_are_explained() -> None:
    others = score("msrmac-weights", "whole", 61.0), score("rmac_regions-whitening-128", "whole", 62.0, 128)
    matched = score("rmac_regions-whitening-128+match", "whole", 63.0, 128)
    table = paper_table(evaluation(*SCORES, *others, matched))
    assert [(row.label, row.method, row.paper) for row in table.rows[:3]] == [
        ("R-MAC", "rmac_regions-whitening-128", 66.9),
        ("MS-RMAC", "msrmac-weights", 68.9),
        ("Baseline, one scale", "single", None),
    ]
    assert "other networks" in table.conditions["paper"]
    assert "paper" not in paper_table(evaluation(*SCORES)).conditions
    assert list(paper_steps(["msrmac-weights", "early", "single"])) == ["single", "early"]


def test_the_markdown_names_coverage_and_backbone() -> None:
    text = paper_table(evaluation(*SCORES)).table().markdown()
    assert text.splitlines()[:5] == [
        "### oxford5k",
        "",
        "| method | dims | mAP whole | mAP cropped | paper (ResNet50) |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| Baseline, one scale | 2048 | 60.25 |  |  |",
    ]
    assert text.endswith("coverage: 1100 of 5062 images; backbone: resnet50\n")


def test_a_score_of_an_earlier_fit_is_marked() -> None:
    early = replace(score("early", "whole", 65.5), earlier_fit=True)
    table = paper_table(evaluation(early, score("single", "whole", 60.0)))
    assert [row.label for row in table.rows if row.earlier_fit] == ["M-R l_j"]
    text = table.table().markdown()
    assert "| M-R l_j (earlier fit) |" in text
    assert "earlier fit: the reduction has been fitted again since it was scored" in text


def test_the_json_keeps_the_stored_names() -> None:
    stored = paper_table(evaluation(score("early", "whole", 65.5))).to_json()
    assert stored == {
        "benchmark": "oxford5k",
        "measure": "mAP",
        "conditions": {"coverage": "1100 of 5062 images", "backbone": "resnet50"},
        "rows": [
            {
                "label": "M-R l_j",
                "system": "early",
                "dimension": 2048,
                "measured": {"whole": 65.5},
                "paper": 67.77,
                "earlier_fit": False,
                "spread": {},
            }
        ],
    }


@pytest.mark.parametrize("benchmark", PAPER)
def test_an_evaluation_without_the_papers_methods_has_no_rows(benchmark: str) -> None:
    table = paper_table(evaluation(score("rmac", "all", 1.0), benchmark=benchmark))
    assert table.rows == ()
    assert table.table().rows == []
