"""The plan: every image with the shard that its row belongs in.

A row group of the manifest holds the images of one shard, so the plan is also the queue of the work: what is left is
found by comparing the footers of the manifest with the names of the shards that are there, and no row is read for it.
A row that has to be described again is planned anew under a higher generation, in the same shard, which is replaced
as a whole. So at every moment every shard is what some plan asked for, and no image stands in two of them.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, pairwise

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from osrmac.errors import StorageError
from osrmac.storage import filesystem, schema, shards

__all__ = [
    "Changes",
    "ShardPlan",
    "duplicates",
    "is_current",
    "pending",
    "read",
    "read_all",
    "replan",
    "shard_plans",
    "update",
]

_PART_ROWS = 500_000
_BATCH = 100_000
_MEMORY = "1GB"
"""Of what the comparison with the previous plan takes; the rest goes to temporary files."""


@dataclass(frozen=True)
class ShardPlan:
    """A row group of the manifest: the images of one shard.

    Attributes:
        part: URL of the file it stands in.
        group: Its number there.
        shard: Name of the shard.
        rows: Number of images.
        generation: The highest of the rows.
    """

    part: str
    group: int
    shard: str
    rows: int
    generation: int


@dataclass(frozen=True)
class Changes:
    """How a collection differs from what was planned before.

    Attributes:
        new: Images that were not planned yet.
        changed: Images of another size, etag or modification time, planned anew.
        gone: Images that are no longer there; they stay in the plan, and their rows stay as they are.
    """

    new: int
    changed: int
    removed: int


def shard_plans(folder: str) -> list[ShardPlan]:
    """Every unit of a manifest."""
    return [plan for part in shards.paths(folder) for plan in _shard_plans_of(part)]


def _shard_plans_of(part: str) -> Iterator[ShardPlan]:
    metadata = shards.footer(part)
    columns = {metadata.schema.column(index).path: index for index in range(metadata.num_columns)}
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group)
        shard = rows.column(columns["shard"]).statistics.min
        generation = rows.column(columns["generation"]).statistics.max
        yield ShardPlan(part, group, shard, rows.num_rows, generation)


def pending(planned: Iterable[ShardPlan], folder: str) -> list[ShardPlan]:
    """The units whose shard is not committed in a folder, or only under an earlier generation."""
    there = {filesystem.name(shard) for shard in shards.paths(folder)}
    return [plan for plan in planned if plan.shard not in there or not is_current(plan, folder)]


def is_current(plan: ShardPlan, folder: str) -> bool:
    """Whether a shard that is there has been written under the unit's generation."""
    return not plan.generation or shards.generation(filesystem.join(folder, plan.shard)) >= plan.generation


def read(plan: ShardPlan) -> pa.Table:
    """The planned rows of a unit."""
    with shards.opened(plan.part) as file:
        return pq.ParquetFile(file).read_row_group(plan.group)


def read_all(folder: str, columns: list[str]) -> pa.Table:
    """Some columns of all planned rows."""
    return pa.concat_tables(shards.read(part, columns) for part in shards.paths(folder))


def duplicates(folder: str) -> list[str]:
    """Ids that are planned more than once, which a plan made here never has."""
    with _tables() as tables:
        tables.execute("create table listing (id varchar)")
        for part in shards.paths(folder):
            tables.register("part", shards.read(part, ["id"]))
            tables.execute("insert into listing from part")
        return _twice(tables)


@contextmanager
def _tables() -> Iterator[duckdb.DuckDBPyConnection]:
    """Tables that may be larger than the memory."""
    with tempfile.TemporaryDirectory() as spill, duckdb.connect() as tables:
        tables.execute(f"set memory_limit = '{_MEMORY}'; set temp_directory = '{spill}'; set TimeZone = 'UTC'")
        tables.execute("set enable_progress_bar = false")
        yield tables


def _twice(tables: duckdb.DuckDBPyConnection) -> list[str]:
    """Ids that stand in the listing more than once."""
    found = tables.execute("select id from listing group by id having count(*) > 1 order by id").fetchall()
    return [row[0] for row in found]


def update(folder: str, listing: Iterable[pa.Table], rows_per_shard: Callable[[int], int]) -> Changes:
    """Plan what a collection has that was not planned before, and plan anew what has changed.

    Args:
        folder: Of the manifest.
        listing: Rows of `schema.COLLECTION`, or of that with more columns that tell whether an image has changed.
        rows_per_shard: From the number of all planned images to that of a shard's.

    Raises:
        StorageError: An id stands in the listing twice.
    """
    batches = iter(listing)
    first = next(batches)
    with _tables() as tables:
        tables.register("no_row", first.schema.empty_table())
        tables.execute("create table listing as from no_row")
        for table in chain([first], batches):
            tables.register("rows", table)
            tables.execute("insert into listing from rows")
        twice = _twice(tables)
        if twice:
            raise StorageError(f"the list names {twice[0]} twice: every image needs an id of its own")
        known = pa.schema([field for field in first.schema if field.name != "uri"])
        tables.register("no_rows", known.empty_table())
        tables.execute("create table planned as from no_rows")
        for part in shards.paths(folder):
            tables.register("part", shards.read(part, known.names))
            tables.execute("insert into planned by name from part")
        return _apply(tables, folder, first.schema, rows_per_shard)


def _apply(
    tables: duckdb.DuckDBPyConnection, folder: str, collection: pa.Schema, rows_per_shard: Callable[[int], int]
) -> Changes:
    planned = _count(tables, "planned")
    new = _count(tables, "listing anti join planned using (id)")
    removed = _count(tables, "planned anti join listing using (id)")
    versions = [name for name in collection.names if name not in {"id", "uri"}]
    differs = " or ".join(f"listing.{name} <> planned.{name}" for name in versions)
    query = f"select listing.* from listing join planned using (id) where {differs}"  # noqa: S608  # names of columns
    changed = _query(tables, query).read_all()
    if changed.num_rows:
        _rewrite_rows(folder, changed.cast(collection))
    unplanned = _query(tables, "select listing.* from listing anti join planned using (id) order by id")
    _append(folder, unplanned, collection, rows_per_shard(planned + new))
    return Changes(new, changed.num_rows, removed)


def _query(tables: duckdb.DuckDBPyConnection, query: str) -> pa.RecordBatchReader:
    return tables.sql(query).to_arrow_reader(_BATCH)


def _count(tables: duckdb.DuckDBPyConnection, rows: str) -> int:
    (counted,) = tables.execute(f"select count(*) from {rows}").fetchall()  # noqa: S608  # constants
    number: int = counted[0]
    return number


def _append(folder: str, rows: pa.RecordBatchReader, collection: pa.Schema, rows_per_shard: int) -> None:
    """Write new rows, sorted by id, as parts of their own."""
    number = len(shards.paths(folder))
    whole_shards = max(1, _PART_ROWS // rows_per_shard) * rows_per_shard
    for part, table in enumerate(_regrouped(rows, whole_shards), number):
        groups = [table.slice(start, rows_per_shard) for start in range(0, table.num_rows, rows_per_shard)]
        names = np.repeat([_name(group["id"].to_pylist()) for group in groups], [group.num_rows for group in groups])
        own = {"shard": pa.array(names, pa.string()), "generation": pa.array(np.zeros(len(names), np.int32))}
        columns = {name: table[name] for name in collection.names}
        _write(
            filesystem.join(folder, f"part-{part:05d}.parquet"),
            pa.table(columns | own).cast(schema.manifest(collection)),
        )


def _regrouped(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """The same rows in tables of so many."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        while sum(map(len, held)) >= rows:
            table = pa.Table.from_batches(held)
            yield table.slice(0, rows)
            held = table.slice(rows).to_batches()
    if sum(map(len, held)):
        yield pa.Table.from_batches(held)


def _name(ids: Iterable[str]) -> str:
    return f"part-{hashlib.sha256(chr(0).join(ids).encode()).hexdigest()[:20]}.parquet"


def replan(folder: str, ids: Collection[str]) -> None:
    """Plan some images anew, as they are."""
    if ids:
        _rewrite_rows(folder, pa.table({"id": pa.array(ids, pa.string())}))


def _rewrite_rows(folder: str, rows: pa.Table) -> None:
    """Plan rows anew; their columns replace the planned ones."""
    for part in shards.paths(folder):
        table = shards.read(part)
        place = pc.index_in(table["id"], value_set=rows["id"].combine_chunks()).combine_chunks()
        anew = place.is_valid().to_numpy(zero_copy_only=False)
        if not anew.any():
            continue
        for name in rows.column_names:
            table = _with(table, name, _replaced(table[name], rows[name], place))
        _write(part, _with(table, "generation", _raised(table, anew)))


def _with(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    column = table.column_names.index(name)
    return table.set_column(column, table.schema.field(column), values)


def _replaced(old: pa.ChunkedArray, new: pa.ChunkedArray, place: pa.Int32Array) -> pa.Array:
    """The old values, or the new ones at the places that are given."""
    both = pa.concat_arrays([old.combine_chunks(), new.cast(old.type).combine_chunks()])
    own = pa.array(np.arange(len(old)))
    return both.take(pc.coalesce(pc.add(place.cast(pa.int64()), len(old)), own))


def _raised(table: pa.Table, anew: NDArray[np.bool_]) -> pa.Array:
    """The generations, those of rows that are planned anew higher than any of their shard's."""
    generations = table["generation"].to_numpy().copy()
    for start, stop in _groups(table):
        generations[start:stop][anew[start:stop]] = generations[start:stop].max() + 1
    return pa.array(generations)


def _groups(table: pa.Table) -> Iterator[tuple[int, int]]:
    """Where the rows of each shard begin and end."""
    names = table["shard"].to_numpy()
    edges = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist(), len(names)]
    return pairwise(edges)


def _write(url: str, table: pa.Table) -> None:
    buffer = pa.BufferOutputStream()
    with pq.ParquetWriter(buffer, table.schema, compression="zstd", write_statistics=["shard", "generation"]) as writer:
        for start, stop in _groups(table):
            writer.write_table(table.slice(start, stop - start))
    filesystem.write_atomically(url, buffer.getvalue().to_pybytes())
