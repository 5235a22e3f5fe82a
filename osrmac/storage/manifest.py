"""The plan of a run: every image, with the shard that its row belongs to.

Each row group of the manifest holds the images of one shard, so the manifest is also the work queue. Pending shards are
found by comparing the footers of the manifest with the shards that exist, without reading a row. A row that has to be
described again is planned under a higher generation in the same shard, which is then replaced as a unit. At any moment
every shard is therefore one that some plan asked for, and no image is in two of them.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from osrmac.errors import StorageError
from osrmac.storage import schema, shards
from osrmac.storage.file_names import absolute
from osrmac.storage.location import Location

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

_PART = re.compile(r"part-(\d+)\.parquet")
_PART_ROWS = 500_000
_BATCH = 100_000
_MEMORY = "1GB"
"""Memory limit of the comparison with the previous plan; DuckDB spills the rest to temporary files."""


@dataclass(frozen=True)
class ShardPlan:
    """The plan of one shard: a row group of the manifest.

    Attributes:
        part: Name of the manifest's file.
        group: Number of the row group in that file.
        shard: Name of the shard.
        rows: Number of images.
        generation: Highest generation of the rows.
    """

    part: str
    group: int
    shard: str
    rows: int
    generation: int


@dataclass(frozen=True)
class Changes:
    """Difference between a collection and what was planned before.

    Attributes:
        new: Number of images that were not planned yet.
        changed: Number of images with another size, etag or modification time; they are planned again.
        removed: Number of images that are no longer listed; they stay planned and keep their rows.
    """

    new: int
    changed: int
    removed: int


def shard_plans(folder: Location) -> list[ShardPlan]:
    """Return the plan of every shard of a manifest, reading only footers."""
    return [plan for part in shards.paths(folder) for plan in _shard_plans_of(part)]


def _shard_plans_of(part: Location) -> Iterator[ShardPlan]:
    metadata = shards.footer(part)
    columns = {metadata.schema.column(index).path: index for index in range(metadata.num_columns)}
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group)
        shard = rows.column(columns["shard"]).statistics.min
        generation = rows.column(columns["generation"]).statistics.max
        yield ShardPlan(part.name, group, shard, rows.num_rows, generation)


def pending(planned: Iterable[ShardPlan], folder: Location) -> list[ShardPlan]:
    """Return the plans whose shard a folder lacks, or has only under an earlier generation."""
    committed = {shard.name for shard in shards.paths(folder)}
    return [plan for plan in planned if plan.shard not in committed or not is_current(plan, folder)]


def is_current(plan: ShardPlan, folder: Location) -> bool:
    """Return whether a committed shard was written under the plan's generation."""
    return not plan.generation or shards.generation(folder / plan.shard) >= plan.generation


def read(folder: Location, plan: ShardPlan) -> pa.Table:
    """Read the planned rows of one shard from a manifest."""
    with (folder / plan.part).open() as file:
        return pq.ParquetFile(file).read_row_group(plan.group)


def read_all(folder: Location, columns: list[str]) -> pa.Table:
    """Read some columns of all planned rows."""
    return pa.concat_tables(shards.read(part, columns) for part in shards.paths(folder))


def duplicates(folder: Location) -> list[str]:
    """Return the ids that are planned more than once; `update` never plans an id twice."""
    with _database() as tables:
        tables.execute("create table listing (id varchar)")
        for part in shards.paths(folder):
            tables.register("part", shards.read(part, ["id"]))
            tables.execute("insert into listing from part")
        return _repeated_ids(tables)


@contextmanager
def _database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in memory whose tables spill to disk."""
    with tempfile.TemporaryDirectory() as spill, duckdb.connect() as tables:
        tables.execute(f"set memory_limit = '{_MEMORY}'; set temp_directory = '{spill}'; set TimeZone = 'UTC'")
        tables.execute("set enable_progress_bar = false")
        yield tables


def _repeated_ids(tables: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the ids that occur more than once in the listing."""
    rows = tables.execute("select id from listing group by id having count(*) > 1 order by id").fetchall()
    return [row[0] for row in rows]


def update(folder: Location, listing: Iterable[pa.Table], rows_per_shard: Callable[[int], int]) -> Changes:
    """Plan the images of a collection that are new, and plan those that have changed again.

    Args:
        folder: Folder of the manifest.
        listing: Rows of `schema.COLLECTION`, at least one table. Further columns count as part of an image's version.
        rows_per_shard: Gives the number of images in a shard, from the number of all planned images.

    Raises:
        StorageError: An id is listed twice, or images are listed under other ids than they were planned.
    """
    batches = iter(listing)
    first = next(batches)
    with _database() as tables:
        tables.register("no_row", first.schema.empty_table())
        tables.execute("create table listing as from no_row")
        for table in chain([first], batches):
            tables.register("rows", table)
            tables.execute("insert into listing from rows")
        repeated = _repeated_ids(tables)
        if repeated:
            raise StorageError(f"the list names {repeated[0]} twice: every image needs an id of its own")
        stored = pa.schema([column for column in first.schema if column.name != "uri"])
        tables.register("no_rows", stored.empty_table())
        tables.execute("create table planned as from no_rows")
        for part in shards.paths(folder):
            tables.register("part", shards.read(part, stored.names))
            tables.execute("insert into planned by name from part")
        if first.schema.equals(schema.COLLECTION):  # several queries may be boxes of one image
            _refuse_renamed(tables, folder)
        return _apply(tables, folder, first.schema, rows_per_shard)


def _refuse_renamed(tables: duckdb.DuckDBPyConnection, folder: Location) -> None:
    """Raise an error if a new id names an image that was planned under an id that is no longer listed.

    Such an image would be described twice and found twice. Lists read by version 0.1.0 have such ids: it took the id
    0001 of a CSV file for the number 1.
    """
    tables.execute("create view new_rows as from listing anti join planned using (id)")
    if not _count(tables, "new_rows") or not _count(tables, "planned anti join listing using (id)"):
        return
    query = """
        select removed.id, new_rows.id
        from new_rows join (from part anti join listing using (id)) as removed using (uri)
        order by all
    """
    renamed = []
    for part in shards.paths(folder):
        tables.register("part", _with_absolute_uris(shards.read(part, ["id", "uri"])))
        renamed += tables.execute(query).fetchall()
    if renamed:
        old, new = renamed[0]
        raise StorageError(
            f"{len(renamed)} images of the run are listed under another id, first {new!r}, which is {old!r} in the "
            "run: list them under the ids that they have in the run, see the columns id and uri of "
            f"{folder}/*.parquet, or use a new run"
        )


def _with_absolute_uris(rows: pa.Table) -> pa.Table:
    """Resolve relative paths, which earlier versions took from lists as they were."""
    here = str(Path.cwd())
    uris = [absolute(uri, here) for uri in rows["uri"].to_pylist()]
    return rows.set_column(rows.column_names.index("uri"), "uri", pa.array(uris, pa.string()))


def _apply(
    tables: duckdb.DuckDBPyConnection, folder: Location, collection: pa.Schema, rows_per_shard: Callable[[int], int]
) -> Changes:
    planned = _count(tables, "planned")
    new = _count(tables, "listing anti join planned using (id)")
    removed = _count(tables, "planned anti join listing using (id)")
    versions = [name for name in collection.names if name not in {"id", "uri"}]
    differs = " or ".join(f"listing.{name} <> planned.{name}" for name in versions)
    query = f"select listing.* from listing join planned using (id) where {differs}"  # noqa: S608  # names of columns
    changed = _query(tables, query).read_all()
    if changed.num_rows:
        _replan_rows(folder, changed.cast(collection))
    unplanned = _query(tables, "select listing.* from listing anti join planned using (id) order by id")
    _append(folder, unplanned, collection, rows_per_shard(planned + new))
    return Changes(new, changed.num_rows, removed)


def _query(tables: duckdb.DuckDBPyConnection, query: str) -> pa.RecordBatchReader:
    return tables.sql(query).to_arrow_reader(_BATCH)


def _count(tables: duckdb.DuckDBPyConnection, relation: str) -> int:
    (row,) = tables.execute(f"select count(*) from {relation}").fetchall()  # noqa: S608  # constants
    number: int = row[0]
    return number


def _append(folder: Location, rows: pa.RecordBatchReader, collection: pa.Schema, rows_per_shard: int) -> None:
    """Write new rows, sorted by id, as further parts of the manifest."""
    names = [_PART.fullmatch(part.name) for part in shards.paths(folder)]
    number = max((int(name[1]) for name in names if name), default=-1) + 1
    rows_per_part = max(1, _PART_ROWS // rows_per_shard) * rows_per_shard
    for part, table in enumerate(_regrouped(rows, rows_per_part), number):
        groups = [table.slice(start, rows_per_shard) for start in range(0, table.num_rows, rows_per_shard)]
        shard_names = [_shard_name(group["id"].to_pylist()) for group in groups]
        own = {
            "shard": pa.array(np.repeat(shard_names, [group.num_rows for group in groups]), pa.string()),
            "generation": pa.array(np.zeros(table.num_rows, np.int32)),
        }
        columns = {name: table[name] for name in collection.names}
        _write(folder / f"part-{part:05d}.parquet", pa.table(columns | own).cast(schema.manifest(collection)))


def _regrouped(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Yield the rows of all batches in tables of a given number of rows; the last one may be shorter."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        while sum(map(len, held)) >= rows:
            table = pa.Table.from_batches(held)
            yield table.slice(0, rows)
            held = table.slice(rows).to_batches()
    if sum(map(len, held)):
        yield pa.Table.from_batches(held)


def _shard_name(ids: Iterable[str]) -> str:
    return f"part-{hashlib.sha256(chr(0).join(ids).encode()).hexdigest()[:20]}.parquet"


def replan(folder: Location, ids: Collection[str]) -> None:
    """Plan some images again, unchanged, so that they are described once more."""
    if ids:
        _replan_rows(folder, pa.table({"id": pa.array(ids, pa.string())}))


def _replan_rows(folder: Location, rows: pa.Table) -> None:
    """Raise the generation of the rows with these ids, and replace their columns by those given."""
    for part in shards.paths(folder):
        table = shards.read(part)
        positions = pc.index_in(table["id"], value_set=rows["id"].combine_chunks()).combine_chunks()
        replanned = positions.is_valid().to_numpy(zero_copy_only=False)
        if not replanned.any():
            continue
        for name in rows.column_names:
            table = _with_column(table, name, _replaced(table[name], rows[name], positions))
        _write(part, _with_column(table, "generation", _raised_generations(table, replanned)))


def _with_column(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    column = table.column_names.index(name)
    return table.set_column(column, table.schema.field(column), values)


def _replaced(old: pa.ChunkedArray, new: pa.ChunkedArray, positions: pa.Int32Array) -> pa.Array:
    """Return the new value at each position that is not null, otherwise the old value."""
    both = pa.concat_arrays([old.combine_chunks(), new.cast(old.type).combine_chunks()])
    unchanged = pa.array(np.arange(len(old)))
    return both.take(pc.coalesce(pc.add(positions.cast(pa.int64()), len(old)), unchanged))


def _raised_generations(table: pa.Table, replanned: NDArray[np.bool_]) -> pa.Array:
    """Return the generations, with those of replanned rows raised above all others of their shard."""
    generations = table["generation"].to_numpy().copy()
    for start, stop in _shard_ranges(table):
        generations[start:stop][replanned[start:stop]] = generations[start:stop].max() + 1
    return pa.array(generations)


def _shard_ranges(table: pa.Table) -> Iterator[tuple[int, int]]:
    """Yield the first row of each shard, and the row after its last one."""
    names = table["shard"].to_numpy()
    edges = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist(), len(names)]
    return pairwise(edges)


def _write(file: Location, table: pa.Table) -> None:
    """Write a part of the manifest with a row group for each shard."""
    buffer = pa.BufferOutputStream()
    with pq.ParquetWriter(buffer, table.schema, compression="zstd", write_statistics=["shard", "generation"]) as writer:
        for start, stop in _shard_ranges(table):
            writer.write_table(table.slice(start, stop - start))
    file.write_bytes(buffer.getvalue().to_pybytes())
