"""Scores with everything that an honest score must name, as data and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from rich.table import Table

__all__ = ["Answer", "Evaluation", "Score", "table"]


@dataclass(frozen=True)
class Answer:
    """How one query fared.

    Attributes:
        query: Its name.
        value: In the benchmark's measure.
        positives: Number of images that should be found.
        first: The ids ranked first, junk left out.
    """

    query: str
    value: float
    positives: int
    first: tuple[str, ...]


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

    @property
    def value(self) -> float:
        """Mean over the queries."""
        return fmean(answer.value for answer in self.answers)


@dataclass(frozen=True)
class Evaluation:
    """The scores of several systems under one benchmark.

    Attributes:
        benchmark: Its name.
        measure: `mAP` in percent, or `N-S`, 0 to 4.
        coverage: Which part of the benchmark's collection was ranked.
        conditions: What else the scores depend on, in words.
        scores: By system and mode.
    """

    benchmark: str
    measure: str
    coverage: str
    conditions: dict[str, str]
    scores: tuple[Score, ...]


def table(evaluation: Evaluation) -> Table:
    """A terminal table: a row a system, a column a query mode."""
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
    )
    shown.add_column("descriptor", no_wrap=True)
    shown.add_column("dims", justify="right")
    for mode in modes:
        shown.add_column(f"{evaluation.measure} {mode}", justify="right")
    for system in dict.fromkeys(score.system for score in evaluation.scores):
        shown.add_row(*_row([score for score in evaluation.scores if score.system == system], modes))
    return shown


def _row(scores: Sequence[Score], modes: Sequence[str]) -> list[str]:
    first = scores[0]
    values = {score.mode: f"{score.value:.2f}" for score in scores}
    return [first.label, str(first.dimension or ""), *(values.get(mode, "") for mode in modes)]
