"""Scores with everything that an honest score must name, as data and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from rich.table import Table

__all__ = ["Answer", "Evaluation", "Score", "Shown", "Verdict", "table"]

Verdict = Literal["relevant", "wrong", "junk"]


@dataclass(frozen=True)
class Shown:
    """An image that a query has found.

    Attributes:
        id: Of the image.
        verdict: What the ground truth says of it; junk counts neither for nor against.
    """

    id: str
    verdict: Verdict


@dataclass(frozen=True)
class Answer:
    """How one query fared.

    Attributes:
        query: Its name.
        values: By each of the benchmark's measures.
        positives: Number of images that should be found.
        first: The ids ranked first, junk left out.
        image: The id of the image asked with, if it is known.
        box: Left, top, right and bottom, in pixels, of the part of it asked with; None for all of it.
        ranks: 0-based ranks of the images that should be found, junk left out, ascending.
        nearest: What a person would be shown: the images ranked first, junk among them.
    """

    query: str
    values: dict[str, float]
    positives: int
    first: tuple[str, ...]
    image: str | None = None
    box: tuple[float, float, float, float] | None = None
    ranks: tuple[int, ...] = ()
    nearest: tuple[Shown, ...] = ()


@dataclass(frozen=True)
class Score:
    """What one system reached in one query mode.

    Attributes:
        system: A recipe or selection, or the name of foreign rankings.
        label: The system in words.
        mode: The query mode.
        dimension: Length of the descriptors, if known.
        answers: One for each query.
    """

    system: str
    label: str
    mode: str
    dimension: int | None
    answers: tuple[Answer, ...]

    def value(self, measure: str) -> float:
        """Mean over the queries."""
        return fmean(answer.values[measure] for answer in self.answers)


@dataclass(frozen=True)
class Evaluation:
    """The scores of several systems under one benchmark.

    Attributes:
        benchmark: Its name.
        measures: Those of the benchmark, the main one first.
        coverage: Which part of the benchmark's collection was ranked.
        conditions: What else the scores depend on, in words.
        scores: By system and mode.
    """

    benchmark: str
    measures: tuple[str, ...]
    coverage: str
    conditions: dict[str, str]
    scores: tuple[Score, ...]

    def plain(self) -> dict[str, Any]:
        """The scores as JSON values, without the answer to each query."""
        return {
            "benchmark": self.benchmark,
            "measures": self.measures,
            "coverage": self.coverage,
            **self.conditions,
            "scores": [
                {
                    "system": score.system,
                    "label": score.label,
                    "mode": score.mode,
                    "dimension": score.dimension,
                    "queries": len(score.answers),
                    "values": {measure: score.value(measure) for measure in self.measures},
                }
                for score in self.scores
            ],
        }


def table(evaluation: Evaluation) -> Table:
    """A terminal table: a row a system, a column a query mode; several measures stand below each other."""
    modes = list(dict.fromkeys(score.mode for score in evaluation.scores))
    queries = {score.mode: len(score.answers) for score in evaluation.scores}
    conditions = {
        "ranked": evaluation.coverage,
        "queries": ", ".join(f"{number} {mode}" for mode, number in queries.items()),
        **evaluation.conditions,
    }
    shown = Table(
        title=evaluation.benchmark,
        caption="\n".join(f"{name}: {value}" for name, value in conditions.items()),
        title_justify="left",
        caption_justify="left",
        show_lines=len(evaluation.measures) > 1,
    )
    shown.add_column("descriptor", no_wrap=True)
    shown.add_column("dims", justify="right")
    for mode in modes:
        shown.add_column("\n".join(f"{measure} {mode}" for measure in evaluation.measures), justify="right")
    for system in dict.fromkeys(score.system for score in evaluation.scores):
        scores = [score for score in evaluation.scores if score.system == system]
        shown.add_row(*_row(scores, modes, evaluation.measures))
    return shown


def _row(scores: Sequence[Score], modes: Sequence[str], measures: Sequence[str]) -> list[str]:
    first = scores[0]
    values = {score.mode: "\n".join(f"{score.value(measure):.2f}" for measure in measures) for score in scores}
    return [first.label, str(first.dimension or ""), *(values.get(mode, "") for mode in modes)]
