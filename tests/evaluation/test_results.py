"""Mean scores, their JSON, and their table."""

import json
from dataclasses import replace

from rich.console import Console

from osrmac.evaluation.results import Evaluation, Score, table
from osrmac.types import QueryResult


def score(method: str, mode: str, *values: dict[str, float]) -> Score:
    results = [QueryResult(f"q{number}", (), values=value, positives=1) for number, value in enumerate(values)]
    return Score.of(method, f"{method} in words", mode, 512, results)


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


def rows(evaluation: Evaluation) -> list[list[str]]:
    console = Console(width=100, color_system=None)
    with console.capture() as captured:
        console.print(table(evaluation))
    lines = captured.get().splitlines()
    return [[cell.strip() for cell in line.replace("┃", "│").split("│")[1:-1]] for line in lines if line[0] in "┃│"]


def test_an_evaluation_is_restored_from_json_without_query_results() -> None:
    stored = json.loads(json.dumps(SEVERAL.to_json()))
    assert stored["scores"][0]["system"] == "osrmac"
    restored = Evaluation.from_json(stored)
    assert restored == replace(SEVERAL, scores=tuple(replace(score, results=()) for score in SEVERAL.scores))


def test_a_score_is_the_mean_over_its_queries_in_each_measure() -> None:
    assert [SEVERAL.scores[0].values[measure] for measure in SEVERAL.measures] == [62.5, 15]


def test_several_measures_stand_below_each_other_in_the_order_of_the_heading() -> None:
    assert rows(SEVERAL) == [
        ["", "", "mAP easy", "mAP hard"],
        ["descriptor", "dims", "mP@10 easy", "mP@10 hard"],
        ["osrmac in words", "512", "62.50", "25.00"],
        ["", "", "15.00", "30.00"],
        ["pfa in words", "512", "50.00", ""],
        ["", "", "0.12", ""],
    ]


def test_one_measure_takes_one_line() -> None:
    assert rows(replace(SEVERAL, measures=("mAP",))) == [
        ["descriptor", "dims", "mAP easy", "mAP hard"],
        ["osrmac in words", "512", "62.50", "25.00"],
        ["pfa in words", "512", "50.00", ""],
    ]
