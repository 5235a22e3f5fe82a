"""The command `overview`, and its tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from osrmac.cli.arguments import Output, Run
from osrmac.cli.output import table, write_result
from osrmac.config import OverviewConfig
from osrmac.tables import Table

if TYPE_CHECKING:
    from osrmac.runs.overview.stored import Overview

__all__ = ["overview"]

_SHOWN = 10


def overview(run: Run, overview: OverviewConfig = OverviewConfig(), output: Output = Output()) -> None:
    """Group the images of a run, map them, and find outliers."""
    from osrmac.commands.overview import overview as make

    result = make(run, overview)
    write_result(output, result.to_json(), _tables(result), [_summary(run, result)])


def _tables(found: Overview) -> Iterator[Table]:
    groups = ((number, len(group), group[0]) for number, group in enumerate(found.groups[:_SHOWN], 1))
    title = "Largest groups" if len(found.groups) > _SHOWN else "Groups"
    yield table(title, ("", "images", "most typical"), groups)
    outliers = ((outlier.isolation, outlier.id) for outlier in found.outliers[:_SHOWN])
    yield table("Unlike all others", (f"{found.facts.distance} to the tenth-nearest", "id"), outliers)


def _summary(run: str, found: Overview) -> str:
    facts = found.facts
    grouped = sum(map(len, found.groups))
    sampled = "" if facts.sampled == facts.images else f" found among {facts.sampled:,} images"
    return (
        f"{grouped:,} of {facts.images:,} images in {len(found.groups):,} groups{sampled}, compared by {facts.method}: "
        f"{facts.distance} up to {facts.threshold:.4g} on average; written to {run}/overview"
    )
