"""The section of the scores."""

from __future__ import annotations

from collections.abc import Iterable

from osrmac.evaluation.results import Evaluation
from osrmac.evaluation.score_tables import scores_tables
from osrmac.pages.components import Section

__all__ = ["scores_section"]


def scores_section(evaluations: Iterable[Evaluation], searched: str) -> Section | None:
    """Return the section, or None if there are no evaluations.

    Args:
        evaluations: Evaluations with at least one score.
        searched: Name of the method that searches use.
    """
    tables = [table for evaluation in evaluations for table in scores_tables(evaluation, searched)]
    note = (
        "How well each descriptor finds what belongs together, whole and with fewer numbers. The small print below a "
        "name is its label in the paper, and says which one searches use. The best of each column is bold."
    )
    return Section("Scores", tables, note, technical="every method, by benchmark") if tables else None
