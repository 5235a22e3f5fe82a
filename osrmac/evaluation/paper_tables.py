"""The rows of the paper's Tables 1 to 5: what was measured beside what the paper reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table

__all__ = ["PAPER", "PaperTable", "Row", "paper_labels", "paper_note", "paper_steps", "paper_table"]

_ROWS = {
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
"""The paper's names of its systems, and the system here; one that ends in a dash stands for every size."""

_FULL, _CAM = list(_ROWS)[-2:]

_OTHERS = ("R-MAC", "MS-RMAC")
_OWN = [label for label in _ROWS if label not in _OTHERS]

PAPER: dict[str, dict[str, float]] = {
    "holidays": dict(zip(_ROWS, (86.9, 86.7, 90.57, 91.47, 92.16, 85.04, 91.10, 93.98, 93.97), strict=True)),
    "ukbench": {_FULL: 3.91, _CAM: 3.91},
    "oxford5k": dict(zip((*_OTHERS, *_OWN[2:]), (66.9, 68.9, 67.77, 54.05, 66.82, 72.27, 70.54), strict=True)),
    "paris6k": dict(zip((*_OTHERS, *_OWN[2:]), (83.0, 77.6, 82.0, 69.48, 81.88, 87.10, 82.55), strict=True)),
}
"""Scores of the benchmarks that the paper takes: mAP in percent, for ukbench N-S. Its own are with ResNet50."""

_CITED = "of R-MAC and MS-RMAC it cites what their authors measured, with other networks, 512 and 1472 dims"


@dataclass(frozen=True)
class Row:
    """One of the paper's systems.

    Attributes:
        label: The paper's name for it.
        system: The name here.
        dimension: Length of the descriptors measured.
        measured: By query mode.
        paper: What the paper reports, if it does.
    """

    label: str
    method: str
    dimension: int
    measured: dict[str, float]
    paper: float | None


@dataclass(frozen=True)
class PaperTable:
    """The paper's systems under one benchmark.

    Attributes:
        benchmark: Its name.
        measure: Of all the figures.
        conditions: What the measured figures depend on, in words: coverage, backbone, distance and so on.
        rows: In the paper's order.
    """

    benchmark: str
    measure: str
    conditions: dict[str, str]
    rows: tuple[Row, ...]

    @property
    def header(self) -> list[str]:
        """Names of the columns."""
        modes = [f"{self.measure} {mode}" for mode in self._modes]
        return ["system", "dims", *modes, "paper (ResNet50)"]

    @property
    def cells(self) -> list[list[str]]:
        """The figures as text, a list a row."""
        return [
            [
                row.label,
                str(row.dimension),
                *(f"{row.measured[mode]:.2f}" if mode in row.measured else "" for mode in self._modes),
                "" if row.paper is None else f"{row.paper:.2f}",
            ]
            for row in self.rows
        ]

    @property
    def _modes(self) -> list[str]:
        return list(dict.fromkeys(mode for row in self.rows for mode in row.measured))

    def markdown(self) -> str:
        """The table in Markdown, with its conditions."""
        lines = [_piped(self.header), _piped(["---", *(["---:"] * (len(self.header) - 1))]), *map(_piped, self.cells)]
        conditions = "; ".join(f"{name}: {value}" for name, value in self.conditions.items())
        return "\n".join([f"### {self.benchmark}", "", *lines, "", conditions, ""])

    def terminal(self) -> Table:
        """The table for a terminal."""
        shown = Table(title=self.benchmark, title_justify="left")
        for number, name in enumerate(self.header):
            shown.add_column(name, justify="right" if number else "left", no_wrap=not number)
        for cells in self.cells:
            shown.add_row(*cells)
        return shown


def _piped(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def paper_table(evaluation: Mapping[str, Any]) -> PaperTable:
    """The paper's rows of a stored evaluation; rows that were not measured are left out.

    Args:
        evaluation: What `osrmac evaluate` wrote as JSON, of one of the benchmarks in `PAPER`.
    """
    measure = evaluation["measures"][0]
    paper = PAPER[evaluation["benchmark"]]
    conditions = {name: value for name, value in evaluation.items() if isinstance(value, str) and name != "benchmark"}
    names = dict.fromkeys(score["system"] for score in evaluation["scores"])
    rows = [
        _row(label, method, evaluation["scores"], measure, paper.get(label))
        for method, label in paper_labels(names).items()
    ]
    if note := paper_note(row.label for row in rows):
        conditions["paper"] = note
    return PaperTable(evaluation["benchmark"], measure, conditions, tuple(rows))


def paper_labels(names: Iterable[str]) -> dict[str, str]:
    """What the paper calls those of some systems that it has, in its order, by their name here."""
    known = list(names)
    return {name: label for label, pattern in _ROWS.items() for name in _systems(label, pattern, known)}


def paper_steps(names: Iterable[str]) -> dict[str, str]:
    """The same of the systems that the paper builds one upon the other, without those it is compared with."""
    return {name: label for name, label in paper_labels(names).items() if label not in _OTHERS}


def paper_note(labels: Iterable[str]) -> str:
    """What is to be said of the paper's figures for these of its systems; empty if nothing is."""
    return _CITED if any(label in _OTHERS for label in labels) else ""


def _systems(label: str, pattern: str, names: Iterable[str]) -> list[str]:
    if not pattern.endswith("-"):
        return [name for name in names if name == pattern]
    return [name for name in names if name.startswith(pattern) and name.endswith("+cam") == (label == _CAM)]


def _row(label: str, method: str, scores: Iterable[Mapping[str, Any]], measure: str, paper: float | None) -> Row:
    own = [score for score in scores if score["system"] == method]
    measured = {score["mode"]: score["values"][measure] for score in own}
    return Row(label, method, own[0]["dimension"], measured, paper)
