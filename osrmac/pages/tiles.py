"""The tiles at the top of a report: the numbers that summarise a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from osrmac.evaluation.results import Evaluation
from osrmac.evaluation.score_tables import highest
from osrmac.pages.components import Tile
from osrmac.pages.highlights import best_score, headline_score
from osrmac.runs.methods import Method
from osrmac.types import REFINEMENTS

__all__ = ["summary_tiles"]

_SCORES = 2
"""Largest number of tiles with a score."""


def summary_tiles(
    described: int,
    failed: int,
    evaluations: Mapping[str, Evaluation],
    searched: Method,
    dimensions: Mapping[str, int],
) -> list[Tile]:
    """Return the tiles of a run: images, failures, scores of what searches compare, and how long that is.

    Args:
        described: Number of described images.
        failed: Number of failed images.
        evaluations: Evaluations with at least one score, by name.
        searched: Method that searches use by default.
        dimensions: Length of the descriptor of each recipe, or of one region's.
    """
    return [
        Tile(f"{described:,}", "images to search in"),
        Tile(f"{failed:,}", "images left out", "could not be described" if failed else "", alarm=failed > 0),
        *_scores(evaluations, searched.name),
        _length(searched, dimensions),
    ]


def _scores(evaluations: Mapping[str, Evaluation], searched: str) -> Iterator[Tile]:
    for name, evaluation in list(evaluations.items())[:_SCORES]:
        score, best, measure = headline_score(evaluation, searched), best_score(evaluation), evaluation.measure
        refined = [condition for condition in REFINEMENTS if condition in evaluation.conditions]
        if score.method == searched:
            by = f"{score.marked_label}, which searches use"
            if best.values[measure] > score.values[measure]:
                by += f"\nbest: {best.values[measure]:.2f}, {best.marked_label}"
        else:
            by = score.marked_label if "rankings" in evaluation.conditions else f"{score.marked_label}, the best scored"
        note = "\n".join([", ".join([measure, name, f"queries: {score.mode}", *refined]), by])
        yield Tile(f"{score.values[measure]:.2f}", f"of {highest(measure):g}, quality of search", note)


def _length(searched: Method, dimensions: Mapping[str, int]) -> Tile:
    whole = dimensions[searched.recipes[0]]
    each = "region" if searched.best_region else "image"
    if searched.reduction is None:
        return Tile(f"{whole:,}", f"numbers per {each}", f"{searched.label}, whole")
    return Tile(f"{searched.reduction.dimension:,}", f"numbers kept per {each}", f"of {whole:,}\n{searched.label}")
