"""What a report shows first."""

from collections.abc import Mapping, Sequence

import pytest

from osrmac.evaluation.results import Evaluation, Score
from osrmac.pages.highlights import best_and_worst, best_score, headline_score, is_control, methods_to_draw
from osrmac.types import QueryResult

VALUES = {
    "single": 50.0,
    "osrmac": 60.0,
    "osrmac-pfa-4": 70.0,
    "osrmac-pfa-8": 69.0,
    "osrmac-random-4": 80.0,
    "osrmac-pfa-4+cam": 65.0,
}


def evaluation(**others: float) -> Evaluation:
    scores = [
        Score(method, method, mode, 4, 1, {"mAP": value + more})
        for method, value in (VALUES | others).items()
        for mode, more in (("cropped", 0), ("whole", 10))
    ]
    return Evaluation("groups", ("mAP",), "9 of 10 images", {}, tuple(scores))


def test_a_control_is_the_best_only_if_there_is_nothing_else() -> None:
    best = best_score(evaluation())
    assert (best.method, best.mode) == ("osrmac-pfa-4", "cropped")
    control = Score("osrmac-random-4+cam", "", "whole", 4, 1, {"mAP": 1.0})
    assert best_score(Evaluation("groups", ("mAP",), "", {}, (control,))) == control


def test_the_headline_is_the_score_of_searches_and_not_the_best() -> None:
    score = headline_score(evaluation(), "osrmac")
    assert (score.method, score.mode, score.values) == ("osrmac", "cropped", {"mAP": 60.0})


def test_the_headline_is_the_best_score_if_that_of_searches_is_missing() -> None:
    assert headline_score(evaluation(), "osrmac-leverage-4").method == "osrmac-pfa-4"


@pytest.mark.parametrize(
    ("method", "expected"),
    [("osrmac-random-4", True), ("osrmac-variance-4+cam", True), ("osrmac-pfa-4", False), ("single", False)],
)
def test_random_and_top_variance_are_controls(method: str, expected: bool) -> None:
    assert is_control(method) == expected


def test_the_steps_of_the_paper_are_drawn_before_other_methods() -> None:
    assert list(methods_to_draw(evaluation(), "osrmac"))[:3] == ["osrmac-random-4", "osrmac-pfa-4", "osrmac-pfa-8"]
    many = methods_to_draw(evaluation(**{f"s{number}": 75.0 for number in range(9)}, weak=1.0), "weak")
    assert set(many) >= {"weak", "s0", "osrmac-pfa-4", "osrmac", "osrmac-pfa-4+cam", "single"}
    assert len(many) == 7
    assert "osrmac-random-4" not in many


def test_methods_of_the_same_label_are_drawn_with_their_names() -> None:
    scores = [Score(name, label, "all", 4, 1, {"mAP": 1.0}) for name, label in (("a", "x"), ("b", "x"), ("c", "y"))]
    assert methods_to_draw(Evaluation("groups", ("mAP",), "", {}, tuple(scores)), "a") == {"a": "a", "b": "b", "c": "y"}


def names(ranked: Sequence[QueryResult], number: int, groups: Mapping[str, int]) -> tuple[str, ...]:
    return tuple("".join(result.query for result in some) for some in best_and_worst(ranked, number, groups))


def results(queries: str, perfect: str = "") -> list[QueryResult]:
    return [QueryResult(name, (), positives=1, ranks=(0 if name in perfect else 5,)) for name in queries]


def test_no_query_is_among_the_best_and_the_worst() -> None:
    alone = {name: number for number, name in enumerate("abcde")}
    assert names(results("abcde"), 2, alone) == ("ab", "ed")
    assert names(results("abcde"), 5, alone) == ("abc", "ed")
    assert names(results("a"), 5, alone) == ("a", "")
    assert names([], 5, alone) == ("", "")


def test_a_group_has_at_most_one_of_the_best_and_one_of_the_worst_queries() -> None:
    groups = {name: number // 2 for number, name in enumerate("abcdefgh")} | {"h": 0}
    assert names(results("abcdefgh"), 5, groups) == ("ac", "hgf")


def test_a_perfect_result_is_none_of_the_worst() -> None:
    alone = {name: number for number, name in enumerate("abcd")}
    assert names(results("abcd", perfect="abc"), 5, alone) == ("ab", "d")
