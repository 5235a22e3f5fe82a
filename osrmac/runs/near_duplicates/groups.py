"""Near-duplicates within a run, or between two runs: the groups, and which of their images to keep."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from osrmac.config import Distance
from osrmac.runs.near_duplicates.vector_pieces import Pairs, Positions, VectorPieces
from osrmac.storage import shards
from osrmac.storage.planning.image_columns import ImageColumns
from osrmac.storage.run import Run
from osrmac.types import OwnValue

__all__ = ["Duplicates", "Twin", "describe_groups", "nearest_distances"]

Keep = Literal["largest", "oldest", "first"]

_NEVER = datetime.datetime.max.replace(tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Twin:
    """A member of a group of near-duplicates.

    Attributes:
        id: Id of the image.
        uri: Location of the image.
        width: Width of the upright image, in pixels.
        height: Height of the upright image, in pixels.
        distance: Distance to the nearest other member of the group that it is linked with.
        keep: Whether this is the image of the group to keep; every image of the other run is kept.
        size: Size of the file in bytes, if known.
        modified: Time of the last modification of the file, if known.
        run: URL of the run that the image belongs to.
        columns: The user's own columns: all that any image of the run has.
    """

    id: str
    uri: str
    width: int
    height: int
    distance: float
    keep: bool = False
    size: int | None = None
    modified: datetime.datetime | None = None
    run: str = ""
    columns: Mapping[str, OwnValue] = field(default_factory=dict, hash=False)

    def to_json(self) -> dict[str, Any]:
        """Return the member as plain JSON values, with the user's own columns if the run has any."""
        values = vars(self) | {"modified": None if self.modified is None else self.modified.isoformat()}
        return {name: value for name, value in values.items() if value or name != "columns"}


@dataclass(frozen=True)
class Duplicates:
    """Groups of near-duplicates, and what they depend on.

    Attributes:
        method: Name of the method that images were compared by.
        distance: Distance between two vectors.
        threshold: Largest distance of two images that are linked.
        agreement: Least agreement of their pixels; None if these were not compared.
        reason: Origin of the thresholds, in words.
        compared: Number of pairs within the distance.
        unreadable: Number of them whose images could not be read again, and that are not linked.
        groups: Groups, the largest first; in each, the image to keep comes first.
    """

    method: str
    distance: Distance
    threshold: float
    agreement: float | None
    reason: str
    compared: int
    unreadable: int
    groups: tuple[tuple[Twin, ...], ...]


def nearest_distances(pairs: Pairs) -> dict[int, float]:
    """Return the distance of each image to the nearest that it is paired with, by position."""
    positions, rows = np.unique(pairs.positions, return_inverse=True)
    nearest = np.full(len(positions), np.inf, np.float32)
    for side in rows.reshape(-1, 2).T:
        np.minimum.at(nearest, side, pairs.distances)
    return dict(zip(positions.tolist(), nearest.tolist(), strict=True))


def describe_groups(
    sides: Sequence[VectorPieces], groups: Sequence[Positions], nearest: dict[int, float], keep: Keep
) -> list[tuple[Twin, ...]]:
    """Look up the images of groups, and sort the groups and their members.

    Args:
        sides: The run, and the other run if there is one, whose images are all kept.
        groups: Ascending positions of the members of each group.
        nearest: Distance of each image to the nearest that it is linked with.
        keep: Image of each group to keep.
    """
    positions = np.unique(np.concatenate([np.empty(0, np.int64), *groups]))
    twins = dict(_twins(sides, positions, nearest))
    sorted_groups = [_sorted([twins[position] for position in group.tolist()], keep) for group in groups]
    return sorted(sorted_groups, key=lambda group: (-len(group), group[0].id))


def _twins(
    sides: Sequence[VectorPieces], positions: Positions, nearest: dict[int, float]
) -> Iterator[tuple[int, Twin]]:
    for number, side in enumerate(sides):
        here = positions[(positions >= side.starts[0]) & (positions < side.starts[-1])]
        rows = side.rows_at(here)
        files, by_shard = _files(side.run, rows["id"])
        columns = ImageColumns(side.run.manifest).of_images(by_shard)
        for position, row in zip(here.tolist(), rows.to_pylist(), strict=True):
            size, modified = files[row["id"]]
            yield (
                position,
                Twin(
                    **row,
                    distance=nearest[position],
                    keep=number > 0,
                    size=size,
                    modified=modified,
                    run=side.run.url,
                    columns=columns.get(row["id"], {}),
                ),
            )


_Files = dict[str, tuple[int | None, datetime.datetime | None]]


def _files(run: Run, ids: pa.ChunkedArray) -> tuple[_Files, dict[str, list[str]]]:
    """Look up the size and the time of modification of the files of some images, in the plan, and ids by shard."""
    found: _Files = {}
    by_shard: dict[str, list[str]] = {}
    for part in shards.paths(run.manifest):
        rows = shards.read(part, ["id", "size", "mtime", "shard"])
        wanted = rows.filter(pc.is_in(rows["id"], value_set=ids.combine_chunks()))
        for image, size, modified, shard in zip(*(column.to_pylist() for column in wanted.columns), strict=True):
            found[image] = size, modified
            by_shard.setdefault(shard, []).append(image)
    return found, by_shard


def _sorted(members: Sequence[Twin], keep: Keep) -> tuple[Twin, ...]:
    """Return the members of a group, the one to keep first, which is marked."""

    def order(twin: Twin) -> tuple[Any, ...]:
        if keep == "largest":
            return not twin.keep, -twin.width * twin.height, -(twin.size or 0), twin.id
        if keep == "oldest":
            return not twin.keep, twin.modified or _NEVER, twin.id
        return not twin.keep, twin.id

    first, *others = sorted(members, key=order)
    return replace(first, keep=True), *others
