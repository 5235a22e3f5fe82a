"""The tiles at the top of a report: the numbers that summarise a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from osrmac.evaluation.results import Evaluation
from osrmac.pages.components import Tile
from osrmac.pages.highlights import best_score
from osrmac.pages.sections.collection import format_bytes
from osrmac.pages.sections.times import format_duration, format_rate
from osrmac.runs.methods import Method
from osrmac.types import REFINEMENTS

__all__ = ["summary_tiles"]

_SCORES = 2
"""Largest number of tiles with a score."""


def summary_tiles(
    described: int,
    failed: int,
    file_bytes: int | None,
    evaluations: Mapping[str, Evaluation],
    compared: Method | None,
    dimensions: Mapping[str, int],
    extraction: Mapping[str, Any],
) -> list[Tile]:
    """Return the tiles of a run: images, failures, best scores, length of the descriptors, and throughput.

    Args:
        described: Number of described images.
        failed: Number of failed images.
        file_bytes: Size of all files, or None if it is not known.
        evaluations: Evaluations with at least one score, by name.
        compared: Method that a search uses by default; None if the run has only vectors of regions.
        dimensions: Length of the descriptor of each recipe.
        extraction: Record of the extraction as stored in `run.json`, or an empty mapping.
    """
    return [
        Tile(f"{described + failed:,}", "images", "" if file_bytes is None else format_bytes(file_bytes)),
        Tile(f"{failed:,}", "could not be described", alarm=failed > 0),
        *_scores(evaluations),
        *_length(compared, dimensions),
        *_throughput(extraction),
    ]


def _scores(evaluations: Mapping[str, Evaluation]) -> Iterator[Tile]:
    for name, evaluation in list(evaluations.items())[:_SCORES]:
        best, measure = best_score(evaluation), evaluation.measure
        refined = [condition for condition in REFINEMENTS if condition in evaluation.conditions]
        yield Tile(f"{best.values[measure]:.2f}", f"{measure}, {name}", ", ".join([best.label, best.mode, *refined]))


def _length(compared: Method | None, dimensions: Mapping[str, int]) -> Iterator[Tile]:
    if compared is not None:
        whole = dimensions[compared.recipes[0]]
        length, of = (whole, "") if compared.reduction is None else (compared.reduction.dimension, f", of {whole:,}")
        yield Tile(f"{length:,}", "numbers compared per image", f"{compared.label}{of}")


def _throughput(extraction: Mapping[str, Any]) -> Iterator[Tile]:
    if rate := format_rate(extraction):
        number, unit = rate.split(" ", 1)
        yield Tile(number, unit, f"{extraction['images']:,} images in {format_duration(extraction['seconds'])}")
