"""The user's own columns of the images of a run, read from its plan, of all images or shard by shard."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from osrmac.prefetch import prefetch
from osrmac.storage import manifest, shards
from osrmac.storage.listing.own_columns import as_text, common_type, own_names
from osrmac.storage.location import Location
from osrmac.storage.manifest import ShardPlan
from osrmac.types import OwnValue

__all__ = ["ImageColumns"]

_READ_AHEAD = 4
"""Number of row groups, or footers, read ahead."""


class ImageColumns:
    """The user's own columns of a run.

    Opening reads the footers of the plan: one file for every 500 000 images.

    Attributes:
        schema: Columns that any image has. Names that differ only by case are one column, and one whose type is not the
            same in all files is text.

    Args:
        planned: Folder of the manifest.
    """

    def __init__(self, planned: Location) -> None:
        self._planned = planned
        self._plans: dict[str, list[ShardPlan]] = {}
        spelled: dict[str, str] = {}
        types: dict[str, list[pa.DataType]] = {}
        parts = shards.paths(planned)
        footers = prefetch(shards.footer, parts, threads=_READ_AHEAD, depth=_READ_AHEAD)
        for part, footer in zip(parts, footers, strict=True):
            columns = footer.schema.to_arrow_schema()
            for name in own_names(columns.names):
                spelled.setdefault(name.lower(), name)
                types.setdefault(name.lower(), []).append(columns.field(name).type)
            for plan in manifest.plans_in(part.name, footer):
                self._plans.setdefault(plan.shard, []).append(plan)
        self.schema = pa.schema([(spelled[name], common_type(types[name])) for name in spelled])

    @property
    def types(self) -> dict[str, type[str] | type[int] | type[float] | type[bool]]:
        """Types of the plain values of each column, as `of_images` returns them."""
        kinds = {pa.bool_(): bool, pa.int64(): int, pa.float64(): float}
        return {field.name: kinds.get(field.type, str) for field in self.schema}

    def of_shard(self, shard: str) -> pa.Table:
        """Return the ids of the planned images of a shard, and their columns."""
        groups = [self._read(plan) for plan in self._plans.get(shard, ())]
        return pa.concat_tables([pa.schema([pa.field("id", pa.string()), *self.schema]).empty_table(), *groups])

    def added_to(self, rows: pa.Table, shard: str) -> pa.Table:
        """Return rows of a shard with the user's own columns at the end, except for those whose names they have.

        Args:
            rows: Table with a column `id`, and any others.
            shard: Name of the shard.
        """
        names = [name for name in self.schema.names if name not in rows.column_names]
        if not names:
            return rows
        own = self.of_shard(shard)
        own = own.take(pc.index_in(rows["id"], value_set=own["id"].combine_chunks()))
        for name in names:
            rows = rows.append_column(name, own[name])
        return rows

    def of_all(self) -> pa.Table:
        """Return the ids of all planned images, and their columns; no row if no image has any."""
        names = list(self._plans) if self.schema.names else []
        tables = prefetch(self.of_shard, names, threads=_READ_AHEAD, depth=_READ_AHEAD)
        return pa.concat_tables([self.of_shard(""), *tables])

    def of_images(self, by_shard: Mapping[str, Iterable[str]]) -> dict[str, dict[str, OwnValue]]:
        """Look up some images, and return the values of their columns by id, as plain JSON values.

        An image without a value has None there. If no image has columns, nothing is read, and no id is returned.

        Args:
            by_shard: Ids of the images by the names of their shards.
        """
        if not self.schema.names:
            return {}
        names = list(by_shard)
        tables = prefetch(self.of_shard, names, threads=_READ_AHEAD, depth=_READ_AHEAD)
        found: dict[str, dict[str, OwnValue]] = {}
        for name, table in zip(names, tables, strict=True):
            wanted = pc.is_in(table["id"], value_set=pa.array(list(by_shard[name]), pa.string()))
            found.update(_values(table.filter(wanted)))
        return found

    def _read(self, plan: ShardPlan) -> pa.Table:
        table = manifest.read(self._planned, plan)
        stored = {name.lower(): name for name in own_names(table.column_names)}
        columns: dict[str, Any] = {"id": table["id"]}
        for field in self.schema:
            name = stored.get(field.name.lower())
            values = pa.nulls(table.num_rows, field.type) if name is None else table[name]
            columns[field.name] = values if values.type == field.type else as_text(values)
        return pa.table(columns)


def _values(table: pa.Table) -> Iterator[tuple[str, dict[str, OwnValue]]]:
    """Yield the id of each row, and its other columns."""
    for row in table.to_pylist():
        yield row.pop("id"), {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> OwnValue:
    """Return a value as JSON has it: times are texts, ISO 8601, and numbers that are none are missing."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else value.isoformat()
