"""What is left to do for one shard, and the rows that come of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from osrmac.descriptor.describer import Description, Failure
from osrmac.errors import DamagedFileError, StorageError
from osrmac.storage import manifest, schema, shards
from osrmac.storage.location import Location
from osrmac.storage.manifest import ShardPlan
from osrmac.storage.reading.access import AccessUrls
from osrmac.types import Box

__all__ = ["ShardTask"]


@dataclass(frozen=True)
class ShardTask:
    """The images of a shard that are due, the rows that are kept, and the history of earlier attempts.

    Attributes:
        plan: The planned shard.
        due: Planned rows without a valid committed row.
        kept: Committed rows that fulfil the plan, or None if the shard does not exist yet.
        attempt: 1 for the first worker that takes the shard.
        deaths: For each image, how many workers died while describing it by itself.
        access: URLs with credentials of images whose planned URIs lack them.
    """

    plan: ShardPlan
    due: pa.Table
    kept: pa.Table | None
    attempt: int
    deaths: Mapping[str, int]
    access: AccessUrls | None = None

    @classmethod
    def load(
        cls,
        plan: ShardPlan,
        planned: Location,
        folder: Location,
        attempt: int,
        deaths: Mapping[str, int],
        access: AccessUrls | None = None,
    ) -> ShardTask:
        """Compare the rows of a shard in the manifest `planned` with those committed in `folder`.

        No row is kept of a damaged shard, nor of one with other images than those planned.

        Raises:
            StorageError: The manifest or the committed shard cannot be read.
        """
        rows, shard = manifest.read(planned, plan), folder / plan.shard
        if not shard.exists():
            return cls(plan, rows, None, attempt, deaths, access)
        try:
            generation, committed = shards.generation(shard), shards.read(shard)
        except DamagedFileError:
            return cls(plan, rows, None, attempt, deaths, access)
        if committed["id"].combine_chunks().sort() != rows["id"].combine_chunks().sort():
            return cls(plan, rows, None, attempt, deaths, access)
        fulfilled = rows.filter(pc.field("generation") <= generation)
        kept = committed.filter(_is_in(committed["id"], fulfilled["id"]))
        due = rows.filter(pc.invert(_is_in(rows["id"], kept["id"])))
        return cls(plan, due, kept, attempt, deaths, access)

    @property
    def images(self) -> list[tuple[str, str, Box | None]]:
        """Id, URL to read and box of each due image; the box is None for the entire image."""
        boxes = self.due["box"].to_pylist() if "box" in self.due.column_names else [None] * self.due.num_rows
        images = zip(self.due["id"].to_pylist(), self.due["uri"].to_pylist(), boxes, strict=True)
        return [(image, self.access.url(image, uri) if self.access else uri, box) for image, uri, box in images]

    def require_planned(self, planned: Location) -> None:
        """Check that the images are still planned, right before their rows are written.

        The workers of a command that was killed live on for a moment, in which another one may remove images.

        Raises:
            StorageError: They are not, or the manifest cannot be read.
        """
        ids = [image for rows in (self.due, self.kept) if rows is not None for image in rows["id"].to_pylist()]
        try:
            rows = manifest.read(planned, self.plan).select(["id", "shard"]).to_pylist()
        except FileNotFoundError:
            rows = []
        if sorted(ids) != sorted(row["id"] for row in rows if row["shard"] == self.plan.shard):
            raise StorageError(f"the plan of {self.plan.shard} has changed: another command has taken this one over")

    def rows(self, results: Iterable[Description | Failure], columns: pa.Schema) -> pa.Table:
        """Return all rows of the shard: those kept, and one for each due image.

        Args:
            results: Outcome for each due image, in their order.
            columns: Schema of the shard.
        """
        values = [_row(result) for result in results]
        computed = [field for field in columns if field.name not in {"id", "uri"}]
        arrays = {field.name: pa.array([row.get(field.name) for row in values], field.type) for field in computed}
        rows = pa.table({"id": self.due["id"], "uri": self.due["uri"], **arrays}, schema=columns)
        return rows if self.kept is None else pa.concat_tables([self.kept.cast(columns), rows])


def _is_in(ids: pa.ChunkedArray, others: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.is_in(ids, value_set=others.combine_chunks())


def _row(result: Description | Failure) -> dict[str, Any]:
    """Return the columns of one outcome; missing ones are null."""
    if isinstance(result, Failure):
        return {"status": schema.FAILED, "error_stage": result.stage, "error": result.reason}
    vectors = {recipe: _to_arrow(vector) for recipe, vector in result.vectors.items()}
    return {"status": schema.OK, "width": result.width, "height": result.height, **vectors}


def _to_arrow(vector: NDArray[np.float32]) -> NDArray[np.float32] | list[NDArray[np.float32]]:
    """Return an array as Arrow accepts it: the vectors of regions, (R, d), as a list of R rows."""
    return list(vector) if vector.ndim == 2 else vector
