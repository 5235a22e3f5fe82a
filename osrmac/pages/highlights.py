"""Choose what a report shows first: the scores, the curves to draw, and the best and worst queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from osrmac.evaluation.paper_tables import paper_steps
from osrmac.evaluation.results import Evaluation, Score
from osrmac.types import QueryResult

__all__ = ["best_and_worst", "best_score", "headline_score", "is_control", "methods_to_draw"]

_CONTROLS = {"random", "variance"}

_CURVES = 7
"""Largest number of curves in a chart: one for each colour, marker and pattern of dashes."""


def is_control(method: str) -> bool:
    """Return whether a method is a control, which the others are meant to outperform."""
    return not _CONTROLS.isdisjoint(method.split("+", maxsplit=1)[0].split("-"))


def headline_score(evaluation: Evaluation, searched: str) -> Score:
    """Return the score of the method that searches use, in the first query mode; the best one if it was not scored.

    Args:
        evaluation: Evaluation with at least one score.
        searched: Name of the method that searches use.
    """
    scores = (score for score in _in_first_mode(evaluation) if score.method == searched)
    return next(scores, best_score(evaluation))


def best_score(evaluation: Evaluation) -> Score:
    """Return the highest score in the first query mode; a control only if there is nothing else."""
    scores = _in_first_mode(evaluation)
    others = [score for score in scores if not is_control(score.method)]
    return max(others or scores, key=lambda score: score.values[evaluation.measure])


def methods_to_draw(evaluation: Evaluation, searched: str) -> dict[str, str]:
    """Return the labels of the methods to draw curves of, by name, in order of decreasing score.

    They are the method that searches use, the best method, the best of each step of the paper, and the best of the
    others as space permits, all in the first query mode. If several methods have the same label, they are labelled by
    their names.

    Args:
        evaluation: Evaluation with at least one score.
        searched: Name of the method that searches use.
    """
    values = {score.method: score.values[evaluation.measure] for score in _in_first_mode(evaluation)}
    best_of_step: dict[str, str] = {}
    for name, label in paper_steps(values).items():
        if label not in best_of_step or values[name] > values[best_of_step[label]]:
            best_of_step[label] = name
    steps = sorted(best_of_step.values(), key=lambda name: -values[name])
    others = sorted(values, key=lambda name: (is_control(name), -values[name]))
    wanted = [headline_score(evaluation, searched).method, others[0], *steps, *others]
    chosen = list(dict.fromkeys(wanted))[:_CURVES]
    labels = {score.method: score.label for score in evaluation.scores}
    shared = Counter(labels.values())
    return {
        name: labels[name] if shared[labels[name]] == 1 else name
        for name in sorted(chosen, key=lambda name: -values[name])
    }


def best_and_worst(
    ranked: Sequence[QueryResult], number: int, groups: Mapping[str, int]
) -> tuple[list[QueryResult], list[QueryResult]]:
    """Return results of the better and of the worse half, up to `number` each, at most one of each group.

    A perfect result, with all relevant images before all others, is none of the worst.

    Args:
        ranked: Results of queries, the best first.
        number: Largest number of results from each half.
        groups: Group of each query, by name: see `osrmac.evaluation.query_groups`.

    Returns:
        The best results, the best first, and the worst results, the worst first.
    """
    half = (len(ranked) + 1) // 2
    worse = (result for result in reversed(ranked[half:]) if not _is_perfect(result))
    best, worst = (list(islice(_one_per_group(results, groups), number)) for results in (ranked[:half], worse))
    return best, worst


def _one_per_group(results: Iterable[QueryResult], groups: Mapping[str, int]) -> Iterator[QueryResult]:
    seen: set[int] = set()
    for result in results:
        group = groups[result.query]
        if group not in seen:
            seen.add(group)
            yield result


def _is_perfect(result: QueryResult) -> bool:
    return result.ranks == tuple(range(result.positives))


def _in_first_mode(evaluation: Evaluation) -> list[Score]:
    return [score for score in evaluation.scores if score.mode == evaluation.modes[0]]
