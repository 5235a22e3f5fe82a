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


def test_a_score_of_several_seeds_is_their_mean_and_their_spread() -> None:
    """Standard deviation of the sample of 40, 50 and 60: sqrt((100 + 0 + 100) / 2) = 10."""
    draws = [score("random", "easy", {"mAP": value - 5}, {"mAP": value + 5}) for value in (40.0, 50.0, 60.0)]
    mean = Score.mean_of(draws)
    assert (mean.values, mean.spread, mean.seeds) == ({"mAP": 50.0}, {"mAP": 10.0}, 3)
    assert [result.values["mAP"] for result in mean.results] == [45.0, 55.0]
    assert mean.shown("mAP") == "50.00 ± 10.00"
    assert Score.mean_of(draws[:1]) == draws[0]
    assert draws[0].shown("mAP") == "40.00"
    stored = replace(SEVERAL, measures=("mAP",), scores=(mean,))
    assert Evaluation.from_json(json.loads(json.dumps(stored.to_json()))).scores == (replace(mean, results=()),)
    assert stored.remarks == {"±": "mean and standard deviation over 3 seeds"}
