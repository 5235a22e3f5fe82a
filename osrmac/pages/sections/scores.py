"""The scores of every system, beside the paper's where it has any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from osrmac.evaluation.paper_tables import PAPER, paper_labels, paper_note
from osrmac.pages.components import Cell, Part, Table

__all__ = ["best_of", "is_control", "scores", "value_of"]

_HIGHEST = {"N-S": 4.0}
_BASELINES = {"random", "variance"}
_PAPER = "paper (ResNet50)"


def value_of(score: Mapping[str, Any], evaluation: Mapping[str, Any]) -> float:
    """A system's score by the benchmark's main measure."""
    value: float = score["values"][evaluation["measures"][0]]
    return value


def is_control(method: str) -> bool:
    """Whether a system is what a selection must beat, and no more."""
    return not _BASELINES.isdisjoint(method.split("+", maxsplit=1)[0].split("-"))


def best_of(evaluation: Mapping[str, Any]) -> Mapping[str, Any]:
    """The best score in the first query mode, controls left aside if there is anything else."""
    mode = evaluation["scores"][0]["mode"]
    first: list[Mapping[str, Any]] = [score for score in evaluation["scores"] if score["mode"] == mode]
    meant = [score for score in first if not is_control(score["system"])]
    return max(meant or first, key=lambda score: value_of(score, evaluation))


def scores(evaluations: Sequence[Mapping[str, Any]]) -> Part | None:
    """The section of the scores, or None if there are none.

    Args:
        evaluations: As `osrmac evaluate` writes them as JSON.
    """
    tables = [_table(evaluation) for evaluation in evaluations if evaluation["scores"]]
    note = (
        "Every descriptor of the run, whole and shortened, under each benchmark it was scored on. Below its name, "
        "what the paper calls it. In bold, the best of each column."
    )
    return Part("Scores", tables, note) if tables else None


def _table(evaluation: Mapping[str, Any]) -> Table:
    found = evaluation["scores"]
    modes = list(dict.fromkeys(score["mode"] for score in found))
    values = {(score["system"], score["mode"]): score["values"] for score in found}
    methods = {score["system"]: score for score in found}
    paper = PAPER.get(evaluation["benchmark"], {})
    labels = paper_labels(methods)
    shown = [(measure, mode) for measure in evaluation["measures"] for mode in modes]
    best = {
        (measure, mode): max(of[measure] for (_, in_mode), of in values.items() if in_mode == mode)
        for measure, mode in shown
    }

    def row(name: str) -> list[str | Cell]:
        method = methods[name]
        cells: list[str | Cell] = [
            Cell(method["label"], under=labels.get(name, "")),
            f"{method['dimension']:,}" if method["dimension"] else "",
        ]
        for measure, mode in shown:
            value = values.get((name, mode), {}).get(measure)
            share = None if value is None or measure != shown[0][0] else value / _HIGHEST.get(measure, 100)
            cells.append("" if value is None else Cell(f"{value:.2f}", share, value == best[measure, mode]))
        reported = paper.get(labels.get(name, ""))
        return cells + ([_reported(reported)] if paper else [])

    columns = ["descriptor", "dims", *(f"{measure} {mode}" for measure, mode in shown)]
    conditions = [
        f"{key}: {value}" for key, value in evaluation.items() if isinstance(value, str) and key != "benchmark"
    ]
    conditions += [f"paper: {note}" for note in [paper_note(labels.values())] if note and paper]
    return Table(
        evaluation["benchmark"],
        columns + ([_PAPER] if paper else []),
        [row(name) for name in methods],
        "; ".join(conditions),
    )


def _reported(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
