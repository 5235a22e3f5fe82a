"""Tables 1 to 5 of the paper: its scores, and those measured here beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from osrmac.evaluation.results import Evaluation
from osrmac.tables import Table, numeric, text

__all__ = [
    "PAPER",
    "PAPER_COLUMN",
    "PaperRow",
    "PaperTable",
    "paper_labels",
    "paper_note",
    "paper_steps",
    "paper_table",
]

_METHODS = {
    "R-MAC": "rmac_regions-whitening-",
    "MS-RMAC": "msrmac-weights",
    "Baseline, one scale": "single",
    "M-R": "late",
    "M-R l_j": "early",
    "M-R l_j-1": "early_prev",
    "M-R l_j & l_j-1": "osrmac",
    "M-R l_j & l_j-1 + FS": "osrmac-pfa-",
    "M-R l_j & l_j-1 + FS + CAM": "osrmac-pfa-",
}
"""Name of each method here, by its label in the paper; a name that ends in a dash is continued by any dimension."""

_FULL, _CAM = list(_METHODS)[-2:]

_CONTROLS = {"random": "random choice", "variance": "top variance"}
"""What a selection has to be better than, by kind of reduction."""

_OTHERS = ("R-MAC", "MS-RMAC")
_STEPS = [label for label in _METHODS if label not in _OTHERS]

PAPER: dict[str, dict[str, float]] = {
    "holidays": dict(zip(_METHODS, (86.9, 86.7, 90.57, 91.47, 92.16, 85.04, 91.10, 93.98, 93.97), strict=True)),
    "ukbench": {_FULL: 3.91, _CAM: 3.91},
    "oxford5k": dict(zip((*_OTHERS, *_STEPS[2:]), (66.9, 68.9, 67.77, 54.05, 66.82, 72.27, 70.54), strict=True)),
    "paris6k": dict(zip((*_OTHERS, *_STEPS[2:]), (83.0, 77.6, 82.0, 69.48, 81.88, 87.10, 82.55), strict=True)),
}
"""Scores that the paper reports, by benchmark and label: mAP in percent, or N-S for ukbench.

All are measured with ResNet50, except those of R-MAC and MS-RMAC, which the paper cites.
"""

PAPER_COLUMN = "paper (ResNet50)"
"""Heading of the column of the paper's scores."""

_CITED = "R-MAC and MS-RMAC as cited there from their authors, with other networks and 512 and 1472 dims"


@dataclass(frozen=True)
class PaperRow:
    """Scores of one method of the paper, or of a control that it is to be compared with.

    Attributes:
        label: Label of the method in the paper.
        method: Name of the method here.
        dimension: Length of the descriptors that were measured.
        measured: Measured score by query mode.
        spread: Standard deviation over seeds by query mode, where the score is a mean over them.
        paper: Score that the paper reports, if any.
        earlier_fit: Whether the reduction has been fitted again since it was scored.
    """

    label: str
    method: str
    dimension: int | None
    measured: dict[str, float]
    paper: float | None
    earlier_fit: bool = False
    spread: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PaperTable:
    """Scores of the paper's methods under one benchmark.

    Attributes:
        benchmark: Name of the benchmark.
        measure: Measure of all scores.
        conditions: Conditions of the measured scores, such as coverage, backbone and distance.
        rows: Rows in the paper's order.
    """

    benchmark: str
    measure: str
    conditions: dict[str, str]
    rows: tuple[PaperRow, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the table under its stored names, among which a method is called `system`."""
        stored = asdict(self)
        rows = [{"system" if name == "method" else name: row[name] for name in row} for row in stored["rows"]]
        return stored | {"rows": rows}

    def table(self) -> Table:
        """Return the table to show: a column for each query mode, then the paper's."""
        modes = list(dict.fromkeys(mode for row in self.rows for mode in row.measured))
        rows = [
            [
                f"{row.label} (earlier fit)" if row.earlier_fit else row.label,
                "" if row.dimension is None else str(row.dimension),
                *(_shown(row, mode) for mode in modes),
                "" if row.paper is None else f"{row.paper:.2f}",
            ]
            for row in self.rows
        ]
        columns = text("method") + numeric("dims", *(f"{self.measure} {mode}" for mode in modes), PAPER_COLUMN)
        return Table(self.benchmark, columns, rows, [f"{name}: {value}" for name, value in self.conditions.items()])


def _shown(row: PaperRow, mode: str) -> str:
    if mode not in row.measured:
        return ""
    return f"{row.measured[mode]:.2f}" + (f" ± {row.spread[mode]:.2f}" if mode in row.spread else "")


def paper_table(evaluation: Evaluation) -> PaperTable:
    """Return the scores of the paper's methods, and of the controls of its selection, as far as they were measured.

    Args:
        evaluation: Evaluation under one of the benchmarks in `PAPER`.
    """
    reported = PAPER[evaluation.benchmark]
    labels = paper_labels(score.method for score in evaluation.scores)
    rows = [_row(evaluation, method, label, reported.get(label)) for method, label in labels.items()]
    rows += [_row(evaluation, method, label, None) for method, label in _controls(evaluation, labels).items()]
    conditions = {"coverage": evaluation.coverage, **evaluation.conditions, **evaluation.remarks}
    if note := paper_note(labels.values()):
        conditions["paper"] = note
    return PaperTable(evaluation.benchmark, evaluation.measure, conditions, tuple(rows))


def _row(evaluation: Evaluation, method: str, label: str, reported: float | None) -> PaperRow:
    scores = [score for score in evaluation.scores if score.method == method]
    measured = {score.mode: score.values[evaluation.measure] for score in scores}
    earlier_fit = any(score.earlier_fit for score in scores)
    spread = {score.mode: score.spread[evaluation.measure] for score in scores if score.spread is not None}
    return PaperRow(label, method, scores[0].dimension, measured, reported, earlier_fit, spread)


def _controls(evaluation: Evaluation, shown: Iterable[str]) -> dict[str, str]:
    """Return the controls of the selections that a table shows, by name, with their labels."""
    methods = {score.method for score in evaluation.scores}
    controls = {
        name.replace("-pfa-", f"-{control}-"): f"control: {label} instead of FS"
        for control, label in _CONTROLS.items()
        for name in shown
        if "-pfa-" in name
    }
    return {name: label for name, label in controls.items() if name in methods}


def paper_labels(methods: Iterable[str]) -> dict[str, str]:
    """Return the paper's label of each method that it has, by name, in the paper's order."""
    names = list(dict.fromkeys(methods))
    return {name: label for label, pattern in _METHODS.items() for name in names if _matches(name, label, pattern)}


def _matches(name: str, label: str, pattern: str) -> bool:
    if not pattern.endswith("-"):
        return name == pattern
    return name.startswith(pattern) and name.partition("+")[2] == ("cam" if label == _CAM else "")


def paper_steps(methods: Iterable[str]) -> dict[str, str]:
    """Return the labels of the paper's own methods, each a step further than the one before it."""
    return {name: label for name, label in paper_labels(methods).items() if label not in _OTHERS}


def paper_note(labels: Iterable[str]) -> str:
    """Return the remark that the paper's scores of these labels need, or an empty string."""
    return _CITED if any(label in _OTHERS for label in labels) else ""
