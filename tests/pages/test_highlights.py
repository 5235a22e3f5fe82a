"""What a report shows first."""

import pytest

from osrmac.evaluation.results import Evaluation, Score
from osrmac.pages.highlights import best_and_worst, best_score, is_control, methods_to_draw
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


@pytest.mark.parametrize(
    ("method", "expected"),
    [("osrmac-random-4", True), ("osrmac-variance-4+cam", True), ("osrmac-pfa-4", False), ("single", False)],
)
def test_random_and_top_variance_are_controls(method: str, expected: bool) -> None:
    assert is_control(method) == expected


def test_the_steps_of_the_paper_are_drawn_before_other_methods() -> None:
    assert list(methods_to_draw(evaluation()))[:3] == ["osrmac-random-4", "osrmac-pfa-4", "osrmac-pfa-8"]
    many = methods_to_draw(evaluation(**{f"s{number}": 75.0 for number in range(9)}))
    assert set(many) >= {"s0", "osrmac-pfa-4", "osrmac", "osrmac-pfa-4+cam", "single"}
    assert len(many) == 7
    assert "osrmac-random-4" not in many


def test_methods_of_the_same_label_are_drawn_with_their_names() -> None:
    scores = [Score(name, label, "all", 4, 1, {"mAP": 1.0}) for name, label in (("a", "x"), ("b", "x"), ("c", "y"))]
    assert methods_to_draw(Evaluation("groups", ("mAP",), "", {}, tuple(scores))) == {"a": "a", "b": "b", "c": "y"}


def test_no_query_is_among_the_best_and_the_worst() -> None:
    ranked = [QueryResult(name, ()) for name in "abcde"]

    def names(number: int, count: int) -> tuple[str, ...]:
        return tuple("".join(result.query for result in some) for some in best_and_worst(ranked[:count], number))

    assert names(2, 5) == ("ab", "ed")
    assert names(5, 5) == ("abc", "ed")
    assert names(5, 1) == ("a", "")
    assert names(5, 0) == ("", "")
