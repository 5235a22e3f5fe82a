"""Comparison of a listed collection with the plan of a run, in a database that spills to disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from osrmac.credentials import without_credentials
from osrmac.storage import schema, shards
from osrmac.storage.file_names import absolute
from osrmac.storage.listing.own_columns import as_text, own_names
from osrmac.storage.location import Location
from osrmac.storage.pruning import removed as removed_images
from osrmac.storage.reading.access import may_have_credentials

if TYPE_CHECKING:
    import duckdb

__all__ = ["PlanComparison", "compare_with_plan", "database", "repeated_ids"]

_BATCH = 100_000
_MEMORY = "1GB"
"""Memory limit of the database."""

_VERSION = [name for name in schema.COLLECTION.names if name not in {"id", "uri"}]
_QUERY = [name for name in schema.QUERIES.names if name not in schema.COLLECTION.names]
"""Columns that tell the queries of an image from each other: they are a part of its version."""

_MACROS = r"""
    create macro is_member(uri) as starts_with(uri, 'bytes://');
    create macro is_row(uri) as starts_with(uri, 'row://');
    create macro archive(uri) as regexp_extract(uri, '::(.+)$', 1, 's');
    create macro place(uri) as
        case when is_member(uri) then regexp_replace(uri, '^bytes://\d+\+\d+/', '') else uri end;
    create macro path(uri) as
        case when is_member(uri)
        then archive(uri) || '/' || coalesce(try(url_decode(regexp_extract(uri, '^bytes://[^/]*/([^:]*)', 1))), '')
        else uri end;
    create macro file_order(uri) as case when is_member(uri) or is_row(uri) then archive(uri) else '' end;
    create macro row_order(uri) as case when is_row(uri) then uri else '' end;
"""
"""Macros for URIs of images within files, see `osrmac.storage.reading.member_uri`: where an image is, whatever its
position in the archive; its path as if the archive were a folder; and the order in which such files are best read."""

_COMPARED = """
    create table compared as
    select * exclude (is_elsewhere, is_shifted, same_size, same_version, own_hash) from (
        select
            listing.*,
            planned.part,
            listing.own_hash <> planned.own_hash or retyped.part is not null as own_differ,
            planned.is_relative and ends_with(path(listing.uri), '/' || id) as is_relative,
            hash(place(listing.uri)) <> planned.place_hash as is_elsewhere,
            hash(listing.uri) <> planned.uri_hash as is_shifted,
            coalesce(listing.size = planned.size, false) and not ({query_differs}) as same_size,
            (same_size or (is_row(listing.uri) and not ({query_differs})))
            and coalesce(listing.etag = planned.etag or listing.mtime = planned.mtime, false) as same_version,
            case
                when is_elsewhere and (same_version or (same_size and {trust_size})) then 'moved'
                when is_elsewhere then 'replaced'
                when is_shifted or {query_differs} or {version_differs} then 'changed'
                when {version_learned} then 'learned'
                when own_differ then 'relabelled'
            end as state
        from listing join planned using (id) left join retyped on retyped.part = planned.part
    )
    where state is not null
    order by part, id
"""


class PlanComparison:
    """The images of a listing and those of a plan, joined by id.

    Images that differ are in one of these states:

    - `changed`: at the same URI, and of another version, as far as the versions are known.
    - `learned`: at the same URI, and more is known of its version than was planned.
    - `moved`: at another URI, with the same size, and the same etag or modification time unless sizes are trusted.
    - `replaced`: at another URI, and not known to be the same file.
    - `relabelled`: the same in all of this, but with other columns of the user.

    Attributes:
        folder: Folder of the manifest.
        columns: Schema of the listing.
        planned: Number of planned images.
        new: Number of listed images that are not planned.
        removed: Number of planned images that are not listed.
        pruned: Number of listed images that are not planned because they were removed from the run.
    """

    def __init__(self, tables: duckdb.DuckDBPyConnection, folder: Location, columns: pa.Schema) -> None:
        self._tables = tables
        self.folder = folder
        self.columns = columns
        self.planned = self._count("from planned")
        self.new = self._count("from listing anti join planned using (id)")
        self.removed = self._count("from planned anti join listing using (id)")
        self.pruned = self._count("from pruned")

    def repeated_ids(self) -> list[str]:
        """Return the ids that are listed more than once."""
        return repeated_ids(self._tables)

    def renamed(self) -> list[tuple[str, str]]:
        """Return the planned and the listed id of each image that is planned under an id that is no longer listed."""
        if not self.new or not self.removed:
            return []
        query = """
            select removed.id, listing.id
            from listing anti join planned using (id)
            join (from part_rows anti join listing using (id)) as removed using (uri)
            order by all
        """
        pairs: list[tuple[str, str]] = []
        for part in shards.paths(self.folder):
            self._tables.register("part_rows", _as_listed(shards.read(part, ["id", "uri"])))
            pairs += self._tables.execute(query).fetchall()
        return pairs

    def other_collection(self) -> tuple[str, str] | None:
        """Return an image that tells the listed folder from that of the plan: its id, and its URI in the listing.

        It is another folder if most of the relative paths in common name other files, or if there are none in common.
        """
        replaced = "from compared where state = 'replaced' and is_relative"
        common = self.planned - self.removed
        if common and 2 * self._count(replaced) > common:
            return self._tables.execute(f"select id, path(uri) {replaced} order by id limit 1").fetchone()
        return self._in_another_folder() if self.planned and not common else None

    def differing(self) -> Iterator[tuple[str, pa.Table]]:
        """Yield the listed rows that differ from each part of the plan; the part's name first.

        They have their `state`, and whether the user's own columns differ, `own_differ`, in this or any other state;
        see `own_columns` for these.
        """
        for (part,) in self._tables.execute("select distinct part from compared order by part").fetchall():
            query = "select * exclude (part, is_relative) from compared where part = ?"
            yield part, self._tables.sql(query, params=[part]).to_arrow_table()

    def own_columns(self, rows: pa.Table) -> pa.Table:
        """Return the ids of listed rows that differ, and the user's own columns."""
        return _unpacked(rows.select(["id", "own"]), own_names(self.columns.names))

    def gone(self) -> Iterator[tuple[str, pa.Array]]:
        """Yield the name of each part of the plan with images that are not listed, and their ids."""
        self._tables.execute("create table gone as select part, id from planned anti join listing using (id)")
        for (part,) in self._tables.execute("select distinct part from gone order by part").fetchall():
            table = self._tables.sql("select id from gone where part = ?", params=[part]).to_arrow_table()
            yield part, table["id"].combine_chunks()

    def pruned_ids(self) -> pa.ChunkedArray:
        """Return the ids of the listed images that were removed from the run."""
        return self._tables.sql("from pruned").to_arrow_table()["id"]

    def unplanned(self) -> Iterator[pa.Table]:
        """Yield the listed rows that are not planned, in order of id; those in Parquet files by file and row."""
        query = (
            "select * exclude (own_hash) from listing anti join planned using (id) "
            "order by file_order(uri), row_order(uri), id"
        )
        for batch in self._tables.sql(query).to_arrow_reader(_BATCH):
            yield _unpacked(pa.Table.from_batches([batch]), own_names(self.columns.names))

    def _in_another_folder(self) -> tuple[str, str] | None:
        """Return the first listed image, if its folder is not that of the first planned image."""
        first = self._tables.execute("select id, path(uri) from listing order by id limit 1").fetchone()
        if first is None:  # all of them were removed from the run
            return None
        listed_id, listed_uri = first
        planned = shards.read(shards.paths(self.folder)[0], ["id", "uri"]).slice(0, 1).to_pylist()[0]
        ((planned_path,),) = self._tables.execute("select path(?)", [planned["uri"]]).fetchall()
        folders = {_folder_above(listed_uri, listed_id), _folder_above(planned_path, planned["id"])}
        return (listed_id, listed_uri) if len(folders) == 2 and None not in folders else None

    def _count(self, relation: str) -> int:
        ((number,),) = self._tables.execute(f"select count(*) {relation}").fetchall()
        rows: int = number
        return rows


def _folder_above(uri: str, relative: str) -> str | None:
    """Return the folder that an id is relative to, None if it is not a path in a folder."""
    return uri.removesuffix(relative) if uri.endswith(f"/{relative}") else None


@contextmanager
def compare_with_plan(
    folder: Location,
    listing: Iterable[pa.Table],
    *,
    trust_size: bool,
    removed: Location | None = None,
    restore: bool = False,
) -> Iterator[PlanComparison]:
    """Compare a listing with the plan in a folder.

    Args:
        folder: Folder of the manifest.
        listing: Rows of `schema.COLLECTION` or `schema.QUERIES`, at least one table. Further columns are the user's
            own; if there are none, those of the plan are not compared.
        trust_size: Whether files of the same relative path and size are the same.
        removed: Folder of the digests of images that were removed from the run; they do not count as listed.
        restore: Whether they do count.
    """
    with database() as tables:
        tables.execute(_MACROS)
        batches = iter(listing)
        first = next(batches)
        columns = first.schema
        stored = _own_of_parts(folder, columns)
        # Names that differ only by case are several here: they are seen to differ.
        compared = sorted({*own_names(columns.names), *chain.from_iterable(stored.values())})
        _load_listing(tables, chain([first], batches), compared)
        _load_plan(tables, folder, columns, stored, compared)
        _load_pruned(tables, removed)
        if not restore:
            tables.execute("delete from listing where id in (from pruned)")
        of_query = [name for name in _QUERY if name in columns.names]
        either = " or ".join
        tables.execute(
            _COMPARED.format(
                query_differs=either(
                    [f"listing.{name} is distinct from planned.{name}" for name in of_query] or ["false"]
                ),
                version_differs=either(f"coalesce(listing.{name} <> planned.{name}, false)" for name in _VERSION),
                version_learned=either(f"(listing.{name} is not null and planned.{name} is null)" for name in _VERSION),
                trust_size=trust_size,
            )
        )
        yield PlanComparison(tables, folder, columns)


@contextmanager
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in memory whose tables spill to disk."""
    import duckdb  # noqa: PLC0415  # a search by id reads plans, and compares none

    with tempfile.TemporaryDirectory() as spill, duckdb.connect() as tables:
        tables.execute(f"set memory_limit = '{_MEMORY}'; set temp_directory = '{spill}'; set TimeZone = 'UTC'")
        tables.execute("set enable_progress_bar = false")
        yield tables


def repeated_ids(tables: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the ids that occur more than once in the table `listing`."""
    rows = tables.execute("select id from listing group by id having count(*) > 1 order by id").fetchall()
    return [row[0] for row in rows]


def _own_of_parts(folder: Location, listed: pa.Schema) -> dict[str, list[str]]:
    """Return the names of the user's own columns in each part of the plan; none if the listing has none."""
    if not own_names(listed.names):
        return {}
    return {part.name: own_names(shards.footer(part).schema.to_arrow_schema().names) for part in shards.paths(folder)}


def _load_listing(tables: duckdb.DuckDBPyConnection, listing: Iterable[pa.Table], compared: Sequence[str]) -> None:
    """Make the table `listing`, which has the user's own columns in the column `own`, and a hash of their texts."""
    query = "select * exclude (own_text), hash(own_text) as own_hash from rows"
    for number, table in enumerate(listing):
        own = own_names(table.column_names)
        packed = table.drop_columns(own).append_column("own", _struct(table, own))
        tables.register("rows", packed.append_column("own_text", _own_text(table, compared)))
        tables.execute(f"insert into listing {query}" if number else f"create table listing as {query}")


def _load_plan(
    tables: duckdb.DuckDBPyConnection,
    folder: Location,
    columns: pa.Schema,
    stored: Mapping[str, list[str]],
    compared: Sequence[str],
) -> None:
    """Make the table `planned`, and `retyped` of the parts in which all rows are to get columns of another type.

    Rows have the part of the manifest that they are in, and hashes of the URI and of the user's own columns.
    """
    derived = (
        "* exclude (uri, own_text), hash(uri) as uri_hash, hash(place(uri)) as place_hash, "
        "hash(own_text) as own_hash, ends_with(path(uri), '/' || id) as is_relative"
    )
    names = [name for name in schema.QUERIES.names if name in columns.names]
    nothing = pa.schema([columns.field(name) for name in names]).empty_table()
    tables.register("no_rows", nothing.append_column("own_text", _own_text(nothing, compared)))
    tables.execute(f"create table planned as select {derived}, '' as part from no_rows")  # noqa: S608  # constants
    tables.execute("create table retyped (part varchar)")
    for part in shards.paths(folder):
        rows = shards.read(part, [*names, *stored.get(part.name, ())])
        if any(rows.schema.field(name).type != columns.field(name).type for name in _in_both(rows.schema, columns)):
            tables.execute("insert into retyped values (?)", [part.name])
        hashed = _as_listed(rows.select(names)).append_column("own_text", _own_text(rows, compared))
        tables.register("part_rows", hashed)
        tables.execute(f"insert into planned by name select {derived}, ? as part from part_rows", [part.name])  # noqa: S608
    tables.execute("delete from retyped where part in (select part from planned anti join listing using (id))")


def _in_both(planned: pa.Schema, listed: pa.Schema) -> list[str]:
    """Return the user's own columns that both have."""
    return [name for name in own_names(planned.names) if name in listed.names]


def _own_text(table: pa.Table, names: Sequence[str]) -> pa.StructArray:
    """Return the values of the user's own columns as texts; those of columns that the table lacks are null."""
    missing = pa.nulls(table.num_rows, pa.string())
    texts = {name: as_text(table[name]) if name in table.column_names else missing for name in names}
    return _struct(pa.table(texts) if names else table, names)


def _struct(table: pa.Table, names: Sequence[str]) -> pa.StructArray:
    """Return columns as one, in which they are numbered: in a database, names of the user may mean something else."""
    columns = [pa.nulls(table.num_rows, pa.bool_()), *(table[name].combine_chunks() for name in names)]
    return pa.StructArray.from_arrays(columns, names=list(map(str, range(len(columns)))))  # at least one


def _unpacked(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return rows with the columns of `own` under their names."""
    own = table["own"]
    table = table.drop_columns(["own"])
    for number, name in enumerate(names, 1):
        table = table.append_column(name, pc.struct_field(own, [number]))
    return table


def _load_pruned(tables: duckdb.DuckDBPyConnection, removed: Location | None) -> None:
    """Make the table `pruned` of the listed ids that were removed from the run, and are not planned again."""
    tables.execute("create table pruned (id varchar); create table digests (digest blob)")
    for digests in () if removed is None else removed_images.read(removed):
        tables.register("part_digests", digests)
        tables.execute("insert into digests from part_digests")
    if tables.execute("from digests limit 1").fetchone() is not None:
        tables.execute(
            "insert into pruned select distinct listing.id from listing anti join planned using (id) "
            "where unhex(sha256(listing.id)) in (from digests)"
        )


def _as_listed(rows: pa.Table) -> pa.Table:
    """Return planned rows with URIs as a listing has them: earlier versions stored relative paths and credentials."""
    are_absolute = pc.all(pc.match_substring_regex(rows["uri"], "^/|://")).as_py()
    if are_absolute and not may_have_credentials(rows["uri"]):
        return rows
    here = str(Path.cwd())
    uris = [without_credentials(absolute(uri, here)) for uri in rows["uri"].to_pylist()]
    return rows.set_column(rows.column_names.index("uri"), rows.schema.field("uri"), pa.array(uris, pa.string()))
