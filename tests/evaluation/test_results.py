"""Mean scores, and their JSON."""

import json
from dataclasses import replace

from osrmac.evaluation.results import Evaluation, Score
from osrmac.types import QueryResult


def score(method: str, mode: str, *values: dict[str, float]) -> Score:
    results = [QueryResult(f"q{number}", (), values=value, positives=1) for number, value in enumerate(values)]
    return Score.of(method, f"{method} in words", mode, 512, results, f"digest of {method}")


SEVERAL = Evaluation(
    "roxford5k",
    ("mAP", "mP@10"),
    "7 of 4993 images",
    {"distance": "l1"},
    (
        score("osrmac", "easy", {"mAP": 50, "mP@10": 10}, {"mAP": 75, "mP@10": 20}),
        score("osrmac", "hard", {"mAP": 25, "mP@10": 30}),
        score("pfa", "easy", {"mAP": 0, "mP@10": 0}, {"mAP": 100, "mP@10": 0.25}),
    ),
)


def test_an_evaluation_is_restored_from_json_without_query_results() -> None:
    stored = json.loads(json.dumps(SEVERAL.to_json()))
    assert stored["scores"][0]["system"] == "osrmac"
    restored = Evaluation.from_json(stored)
    assert restored == replace(SEVERAL, scores=tuple(replace(score, results=()) for score in SEVERAL.scores))


def test_scores_of_earlier_versions_have_no_digest() -> None:
    stored = SEVERAL.to_json()
    for row in stored["scores"]:
        assert row.pop("digest")
    assert {score.digest for score in Evaluation.from_json(stored).scores} == {None}


def test_a_score_of_an_earlier_fit_is_marked() -> None:
    earlier = replace(SEVERAL.scores[2], earlier_fit=True)
    assert (SEVERAL.scores[2].marked_label, earlier.marked_label) == ("pfa in words", "pfa in words (earlier fit)")
    assert SEVERAL.remarks == {}
    assert list(replace(SEVERAL, scores=(earlier,)).remarks) == ["earlier fit"]


def test_a_score_is_the_mean_over_its_queries_in_each_measure() -> None:
    assert [SEVERAL.scores[0].values[measure] for measure in SEVERAL.measures] == [62.5, 15]
