"""The overview of a run as it is stored: the groups, the map and the outliers of its collection."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from osrmac.config import Distance
from osrmac.errors import ConfigError
from osrmac.prefetch import prefetch
from osrmac.runs.methods import choose_method
from osrmac.runs.near_duplicates.calibration import vectors_digest
from osrmac.storage import shards
from osrmac.storage.damage import expected_content
from osrmac.storage.run import Run

__all__ = [
    "Outlier",
    "Overview",
    "OverviewFacts",
    "Position",
    "load_overview",
    "read_overview",
    "shards_digest",
    "write_overview",
]

_Ids = NDArray[Any]
"""Ids of images, an array of strings as objects."""

_FACTS = "osrmac.overview"
"""Key of the facts in the metadata of the file: both are replaced at once."""

_OUTLIERS = 100
"""Number of outliers that are listed."""

_CONCURRENT = 32
"""Number of footers read at once, to hide the latency of remote storage."""


class Position(NamedTuple):
    """Place of an image on the map.

    Attributes:
        x: From 0 at the left to 1 at the right.
        y: From 0 at the top to 1 at the bottom.
        group: Number of the image's group, its index in `Overview.groups`; None if it belongs to none.
    """

    x: float
    y: float
    group: int | None


class Outlier(NamedTuple):
    """An image unlike all others.

    Attributes:
        id: Id of the image.
        isolation: Distance to its tenth-nearest image, or to the farthest in a smaller collection.
    """

    id: str
    isolation: float


@dataclass(frozen=True, kw_only=True)
class OverviewFacts:
    """What an overview was computed from, and how.

    Attributes:
        method: Name of the method whose vectors were compared.
        distance: Distance between two vectors.
        digest: Digest of the descriptors' options and of the reduction.
        shards: Digest of the shards that were read.
        images: Number of described images.
        sampled: Number of them that were grouped and mapped together; the others were assigned to these.
        threshold: Largest mean distance between two parts of a group.
    """

    method: str
    distance: Distance
    digest: str
    shards: str
    images: int
    sampled: int
    threshold: float


@dataclass(frozen=True, eq=False)
class Overview:
    """The overview of a collection.

    Attributes:
        groups: Ids of the images of each group, the largest group first. In each the most typical image comes first:
            the one with the smallest mean distance to the group.
        positions: Places on the map by id, those of the sampled images only: at most 10 000 by default.
        outliers: Images that belong to no group, the most isolated first, at most 100.
        usual_isolation: Median of the isolation of all images, which that of an outlier can be compared with.
        facts: What the overview was computed from.
        stale: Why the overview is out of date, in words; None if it is current.
    """

    groups: Sequence[Sequence[str]]
    positions: Mapping[str, Position]
    outliers: Sequence[Outlier]
    usual_isolation: float
    facts: OverviewFacts
    stale: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the groups, the outliers and the facts as plain JSON values; the map is in the file."""
        groups = [{"images": len(group), "ids": list(group)} for group in self.groups]
        return asdict(self.facts) | {"groups": groups, "outliers": [each._asdict() for each in self.outliers]}


def load_overview(run: Run) -> Overview | None:
    """Return the overview of a run, or None if none has been made.

    Raises:
        DamagedFileError: The file is not as it was written.
        StorageError: There is no run.
    """
    return read_overview(run) if run.overview.exists() else None


def read_overview(run: Run) -> Overview:
    """Return the overview of a run that has one; for the errors see `load_overview`."""
    table = shards.read(run.overview)
    with expected_content(run.overview.url):
        facts = OverviewFacts(**json.loads(shards.metadata_of(table)[_FACTS]))
        ids = np.array(table["id"].to_pylist(), dtype=object)
        groups = _groups(ids, table)
        positions, outliers = _positions(ids, table, groups), _outliers(ids, table, groups)
        usual = float(np.median(table["isolation"].to_numpy())) if len(ids) else 0.0
    return Overview(groups, positions, outliers, usual, facts, _stale(run, facts))


def write_overview(run: Run, rows: pa.Table, facts: OverviewFacts) -> None:
    """Write the overview of a run, whose lock is held.

    Args:
        run: Run with descriptors.
        rows: Table of `osrmac.storage.schema.OVERVIEW`.
        facts: What it was computed from.
    """
    metadata = {_FACTS: json.dumps(asdict(facts))}
    shards.write_table(run.overview, rows.sort_by("id").replace_schema_metadata(metadata))


def shards_digest(run: Run) -> str:
    """Return a digest of the names and generations of a run's shards, which changes when images do."""
    within = shards.paths(run.descriptors)
    generations = prefetch(shards.generation, within, threads=_CONCURRENT, depth=_CONCURRENT)
    lines = [f"{shard.name} {generation}\n" for shard, generation in zip(within, generations, strict=True)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _stale(run: Run, facts: OverviewFacts) -> str | None:
    try:
        method = choose_method(run, None, local=False)
    except ConfigError as error:
        return str(error)
    if (method.name, vectors_digest(run, method)) != (facts.method, facts.digest):
        return f"searches now compare {method.label}, or it has been fitted again"
    return None if shards_digest(run) == facts.shards else "images have been added, changed or removed since"


def _groups(ids: _Ids, table: pa.Table) -> tuple[tuple[str, ...], ...]:
    """Return the groups of two or more images, the largest first; those of equal size by their first image."""
    numbers = table["group"].fill_null(-1).to_numpy()
    order = np.lexsort((table["group_distance"].fill_null(0).to_numpy(), numbers))  # ties stay in the order of ids
    starts = np.flatnonzero(np.diff(numbers[order])) + 1
    members = [rows for rows in np.split(order, starts) if len(rows) > 1 and numbers[rows[0]] >= 0]
    groups = [tuple(ids[rows].tolist()) for rows in members]
    return tuple(sorted(groups, key=lambda group: (-len(group), group[0])))


def _positions(ids: _Ids, table: pa.Table, groups: Sequence[Sequence[str]]) -> dict[str, Position]:
    group_of = {image: number for number, group in enumerate(groups) for image in group}
    mapped = table["sampled"].to_numpy()
    places = zip(table["x"].to_numpy()[mapped].tolist(), table["y"].to_numpy()[mapped].tolist(), strict=True)
    return {image: Position(x, y, group_of.get(image)) for image, (x, y) in zip(ids[mapped], places, strict=True)}


def _outliers(ids: _Ids, table: pa.Table, groups: Sequence[Sequence[str]]) -> tuple[Outlier, ...]:
    isolation = table["isolation"].to_numpy()
    grouped = {image for group in groups for image in group}
    alone = (row for row in np.argsort(-isolation, kind="stable").tolist() if ids[row] not in grouped)
    return tuple(Outlier(ids[row], float(isolation[row])) for row in islice(alone, _OUTLIERS))
