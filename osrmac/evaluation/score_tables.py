"""Tables of the scores of an evaluation, beside the paper's."""

from __future__ import annotations

from dataclasses import replace

from osrmac.evaluation.paper_tables import PAPER, PAPER_COLUMN, paper_labels, paper_note
from osrmac.evaluation.results import Evaluation
from osrmac.tables import Cell, Table, numeric, text

__all__ = ["highest", "scores_tables"]

_HIGHEST = {"N-S": 4.0}
"""Highest possible score of the measures that are not percentages."""


def highest(measure: str) -> float:
    """Return the highest possible score of a measure."""
    return _HIGHEST.get(measure, 100.0)


def scores_tables(evaluation: Evaluation, searched: str | None = None) -> list[Table]:
    """Return one table for each measure: a row for each method, a column for each query mode.

    If the paper reports the benchmark, its scores form the last column. The last table has the conditions of the
    scores as its notes.

    Args:
        evaluation: Scores.
        searched: Name of the method that searches use, which pages point out; None points out none.
    """
    tables = [_table(evaluation, measure, searched) for measure in evaluation.measures]
    return [*tables[:-1], replace(tables[-1], notes=_conditions(evaluation))]


def _table(evaluation: Evaluation, measure: str, searched: str | None) -> Table:
    reported = PAPER.get(evaluation.benchmark, {}) if measure == evaluation.measure else {}
    scores = {(score.method, score.mode): score for score in evaluation.scores}
    values = {key: score.values[measure] for key, score in scores.items()}
    labels = paper_labels(method for method, _ in values)
    best = {mode: max(value for key, value in values.items() if key[1] == mode) for mode in evaluation.modes}

    def value_cell(method: str, mode: str) -> Cell:
        value = values.get((method, mode))
        if value is None:
            return Cell("")
        return Cell(scores[method, mode].shown(measure), share=value / highest(measure), best=value == best[mode])

    rows = []
    for method, score in {score.method: score for score in evaluation.scores}.items():
        label = labels.get(method, "")
        detail = " · ".join(filter(None, [label, "used by searches" if method == searched else ""]))
        row = [Cell(score.marked_label, detail=detail), Cell(f"{score.dimension:,}" if score.dimension else "")]
        row += [value_cell(method, mode) for mode in evaluation.modes]
        if reported:
            row.append(Cell(f"{reported[label]:.2f}" if label in reported else ""))
        rows.append(row)
    title = evaluation.benchmark if len(evaluation.measures) == 1 else f"{evaluation.benchmark}, {measure}"
    columns = ["dims", *(f"{measure} {mode}" for mode in evaluation.modes), *([PAPER_COLUMN] if reported else [])]
    return Table(title, text("descriptor") + numeric(*columns), rows)


def _conditions(evaluation: Evaluation) -> list[str]:
    queries = {score.mode: score.queries for score in evaluation.scores}
    conditions = {
        "coverage": evaluation.coverage,
        "queries": ", ".join(f"{number} {mode}" for mode, number in queries.items()),
        **evaluation.conditions,
        **evaluation.remarks,
    }
    note = paper_note(paper_labels(score.method for score in evaluation.scores).values())
    if note and evaluation.benchmark in PAPER:
        conditions["paper"] = note
    return [f"{name}: {value}" for name, value in conditions.items()]
