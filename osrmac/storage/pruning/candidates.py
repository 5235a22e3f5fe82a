"""The images to remove from a run: those that are gone from its collection, or that a list names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from osrmac.credentials import without_credentials
from osrmac.errors import ConfigError
from osrmac.storage import manifest, shards
from osrmac.storage.location import Location
from osrmac.storage.plan_comparison import compare_with_plan, database
from osrmac.storage.pruning import removed

__all__ = ["Candidates", "NamedImages", "candidates", "gone_images"]

_MAX_GONE = 0.1
"""Share of the images that may be gone. Above it, a disk is probably not mounted."""

PartIds = Iterable[tuple[str, pa.Array]]
"""Name of a part of the manifest, and the ids of images in it."""


class Candidates:
    """The images to remove, in a database that spills to disk.

    Attributes:
        images: Number of images.
        shards: Number of shards that their rows are planned in.
    """

    def __init__(self, tables: duckdb.DuckDBPyConnection) -> None:
        self._tables = tables
        query = "select count(*), count(distinct (part, shard)) from candidates"
        ((self.images, self.shards),) = tables.execute(query).fetchall()

    def ids(self) -> tuple[str, ...]:
        """Return all ids, sorted."""
        return tuple(row[0] for row in self._tables.execute("select id from candidates order by id").fetchall())

    def parts(self) -> Iterator[tuple[str, pa.Table]]:
        """Yield the name of each part of the manifest with images to remove, and their `id`, `uri` and `shard`."""
        for (part,) in self._tables.execute("select distinct part from candidates order by part").fetchall():
            query = "select id, uri, shard from candidates where part = ? order by id"
            yield part, self._tables.sql(query, params=[part]).to_arrow_table()


@contextmanager
def candidates(planned: Location, found: PartIds) -> Iterator[Candidates]:
    """Look up images to remove in the plan of a run.

    Args:
        planned: Folder of the manifest.
        found: Ids of the images in each part of it: `gone_images`, or those of `NamedImages`.
    """
    with database() as tables:
        tables.execute("create table candidates (part varchar, id varchar, uri varchar, shard varchar)")
        for part, ids in found:
            rows = shards.read(planned / part, ["id", "uri", "shard"])
            tables.register("part_rows", rows.filter(pc.is_in(rows["id"], value_set=ids)))
            tables.execute("insert into candidates select ?, id, uri, shard from part_rows", [part])
        yield Candidates(tables)


def gone_images(planned: Location, listing: Iterable[pa.Table], *, allow_many: bool) -> PartIds:
    """Yield the planned images that a listing lacks.

    Args:
        planned: Folder of the manifest.
        listing: Rows of `schema.COLLECTION`, at least one table.
        allow_many: Whether more than a tenth of the images may be gone.

    Raises:
        ConfigError: The listing is that of another collection, or more images are gone than may be.
        StorageError: An id is listed twice, or images are listed under other ids than they were planned.
    """
    with compare_with_plan(planned, listing, trust_size=False) as found:
        manifest.check_ids(found)
        other = found.other_collection()
        if other is not None:
            image, uri = other
            raise ConfigError(
                f"the images in {uri.removesuffix(image)} are not those of the run, for example {image!r}: name the "
                "collection of the run with --images; if it has moved, run osrmac extract --moved first"
            )
        if found.removed > _MAX_GONE * found.planned and not allow_many:
            raise ConfigError(
                f"{found.removed} of {found.planned} images are gone, more than a tenth, as if a disk were not "
                "mounted: nothing is removed; add --allow-many if they are really gone"
            )
        yield from found.gone()


class NamedImages:
    """The images that a list names by id or URI.

    Args:
        names: Names, some at a time.
        remembered: Folder of the digests of removed images.

    Attributes:
        already: Number of names of images that were removed before, known after `find`.
    """

    def __init__(self, names: Iterable[list[str]], remembered: Location) -> None:
        self._names = names
        self._remembered = remembered
        self.already = 0

    def find(self, planned: Location) -> PartIds:
        """Yield the ids of the named images in each part of a manifest.

        Raises:
            ConfigError: A name is neither that of an image of the run nor of one that was removed from it.
        """
        with database() as tables:
            tables.execute("create table names (key varchar, name varchar); create table found (name varchar)")
            for names in self._names:
                keys = pa.table({"key": names + list(map(without_credentials, names)), "name": names * 2})
                tables.register("keys", keys)
                tables.execute("insert into names select distinct * from keys")
            for part in shards.paths(planned):
                tables.register("part_rows", shards.read(part, ["id", "uri"]))
                query = (
                    "create or replace temp table matches as from part_rows join names on id = key "
                    "union from part_rows join names on uri = key"
                )
                tables.execute(query)
                tables.execute("insert into found select distinct name from matches")
                ids = tables.sql("select distinct id from matches").to_arrow_table()["id"].combine_chunks()
                if len(ids):
                    yield part.name, ids
            self._check_others(tables, planned)

    def _check_others(self, tables: duckdb.DuckDBPyConnection, planned: Location) -> None:
        """Count the names of images that were removed before, and raise an error for those of no image at all."""
        tables.execute("create table others as from names anti join found using (name)")
        tables.execute("create table digests (digest blob)")
        for digests in removed.read(self._remembered):
            tables.register("part_digests", digests)
            tables.execute("insert into digests from part_digests")
        query = "select distinct name from others where unhex(sha256(key)) in (from digests)"
        tables.execute(f"create table known as {query}")  # a constant
        ((self.already,),) = tables.execute("select count(*) from known").fetchall()
        query = "select count(distinct name), min(name) from others anti join known using (name)"
        ((unknown, first),) = tables.execute(query).fetchall()
        if unknown:
            raise ConfigError(
                f"{unknown} names in the list are of no image of the run, first {first!r}: use ids or URIs as in "
                f"the run, see the columns id and uri of {planned}/*.parquet"
            )
