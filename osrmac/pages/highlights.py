"""Choose what a report shows first: the best score, the curves to draw, and the best and worst queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from osrmac.evaluation.paper_tables import paper_steps
from osrmac.evaluation.results import Evaluation, Score
from osrmac.types import QueryResult

__all__ = ["best_and_worst", "best_score", "is_control", "methods_to_draw"]

_CONTROLS = {"random", "variance"}

_CURVES = 7
"""Largest number of curves in a chart: one for each colour."""


def is_control(method: str) -> bool:
    """Return whether a method is a control, which the others are meant to outperform."""
    return not _CONTROLS.isdisjoint(method.split("+", maxsplit=1)[0].split("-"))


def best_score(evaluation: Evaluation) -> Score:
    """Return the highest score in the first query mode; a control only if there is nothing else."""
    scores = _in_first_mode(evaluation)
    others = [score for score in scores if not is_control(score.method)]
    return max(others or scores, key=lambda score: score.values[evaluation.measure])


def methods_to_draw(evaluation: Evaluation) -> dict[str, str]:
    """Return the labels of the methods to draw curves of, by name, in order of decreasing score.

    They are the best method, the best of each step of the paper, and the best of the others as space permits, all in
    the first query mode. If several methods have the same label, they are labelled by their names.
    """
    values = {score.method: score.values[evaluation.measure] for score in _in_first_mode(evaluation)}
    best_of_step: dict[str, str] = {}
    for name, label in paper_steps(values).items():
        if label not in best_of_step or values[name] > values[best_of_step[label]]:
            best_of_step[label] = name
    steps = sorted(best_of_step.values(), key=lambda name: -values[name])
    others = sorted(values, key=lambda name: (is_control(name), -values[name]))
    chosen = list(dict.fromkeys([others[0], *steps, *others]))[:_CURVES]
    labels = {score.method: score.label for score in evaluation.scores}
    shared = Counter(labels.values())
    return {
        name: labels[name] if shared[labels[name]] == 1 else name
        for name in sorted(chosen, key=lambda name: -values[name])
    }


def best_and_worst(ranked: Sequence[QueryResult], number: int) -> tuple[list[QueryResult], list[QueryResult]]:
    """Return up to `number` results from either end, none in both: the best first, and the worst first.

    Args:
        ranked: Results of queries, the best first.
        number: Largest number of results from each end.
    """
    best = list(ranked[: min(number, (len(ranked) + 1) // 2)])
    worst = list(ranked[len(best) :][-number:])[::-1]
    return best, worst


def _in_first_mode(evaluation: Evaluation) -> list[Score]:
    return [score for score in evaluation.scores if score.mode == evaluation.modes[0]]
