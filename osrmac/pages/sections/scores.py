"""The section of the scores."""

from __future__ import annotations

from collections.abc import Iterable

from osrmac.evaluation.results import Evaluation
from osrmac.evaluation.score_tables import scores_tables
from osrmac.pages.components import Section

__all__ = ["scores_section"]


def scores_section(evaluations: Iterable[Evaluation]) -> Section | None:
    """Return the section, or None if there are no evaluations."""
    tables = [table for evaluation in evaluations for table in scores_tables(evaluation)]
    note = (
        "Scores of every descriptor of the run, whole and reduced, under each benchmark. The small print below a name "
        "is its label in the paper. The best of each column is bold."
    )
    return Section("Scores", tables, note) if tables else None
