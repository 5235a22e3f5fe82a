"""Scores and sweeps that a run stores, as typed results."""

from __future__ import annotations

from osrmac.evaluation.results import Evaluation
from osrmac.evaluation.sweep import Sweep
from osrmac.storage.run import Run

__all__ = ["load_evaluations", "load_sweeps"]


def load_evaluations(run: Run) -> dict[str, Evaluation]:
    """Return the stored evaluations of a run, in order of name.

    The name is that of the benchmark, or of the foreign rankings that were scored; the files of an evaluation begin
    with it (`RUN/evaluation/NAME.json`, `NAME-queries.parquet`).
    """
    return {name: Evaluation.from_json(values) for name, values in run.evaluations().items() if "scores" in values}


def load_sweeps(run: Run) -> list[Sweep]:
    """Return the stored sweeps over the number of features kept, in order of name."""
    return [Sweep.from_json(values) for values in run.evaluations().values() if "points" in values]
