"""How queries fared, read from what an evaluation has left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from osrmac.config import Distance
from osrmac.descriptor.images import Box
from osrmac.evaluation.pr_curve import mean_precision
from osrmac.storage import filesystem, shards
from osrmac.storage.run import Run

__all__ = ["Answers", "Found", "Match"]


@dataclass(frozen=True)
class Match:
    """An image that was found.

    Attributes:
        rank: From 1 on.
        id: Of the image.
        uri: Where it lies.
        distance: To the query.
    """

    rank: int
    id: str
    uri: str
    distance: float


@dataclass(frozen=True)
class Found:
    """What a query found.

    Attributes:
        query: As it was given.
        uri: Where its image lies.
        box: The part of it that was asked with, or None for all of it.
        system: How images were compared.
        distance: Likewise.
        matches: The nearest first.
    """

    query: str
    uri: str
    box: Box | None
    system: str
    distance: Distance
    matches: tuple[Match, ...]


class Answers:
    """The answers to the queries of an evaluation.

    Args:
        run: That was scored.
        name: Of the evaluation.
    """

    def __init__(self, run: Run, name: str) -> None:
        self._file = run.evaluation(name, "-queries.parquet")

    @property
    def told(self) -> bool:
        """Whether the file is there and says which images were found, as older ones do not."""
        return filesystem.exists(self._file) and "ranks" in shards.footer(self._file).schema.to_arrow_schema().names

    def precision(self, systems: Mapping[str, str], mode: str) -> dict[str, list[float]]:
        """The mean precision of each system at `osrmac.evaluation.pr_curve.RECALLS`, by label.

        Args:
            systems: Label of each by name.
            mode: Of the queries.
        """
        found = shards.read(self._file, ["system", "mode", "ranks", "positives"])
        of_each = {label: _of(found, system, mode) for system, label in systems.items()}
        return {
            label: mean_precision(zip(rows["ranks"].to_pylist(), rows["positives"].to_pylist(), strict=True))
            for label, rows in of_each.items()
            if rows.num_rows
        }

    def ranked(self, system: str, mode: str, measure: str) -> list[dict[str, Any]]:
        """The answers of a system, the best first; of equal ones, those with the most to find."""
        columns = ["query", measure, "positives", "image", "box", "nearest"]
        found = _of(shards.read(self._file, ["system", "mode", *columns]), system, mode)
        order = [(measure, "descending"), ("positives", "descending"), ("query", "ascending")]
        rows: list[dict[str, Any]] = found.sort_by(order).to_pylist()
        return rows


def _of(rows: pa.Table, system: str, mode: str) -> pa.Table:
    return rows.filter((pc.field("system") == system) & (pc.field("mode") == mode))
