"""The plan of a run: every image, with the shard that its row belongs to.

Each row group of the manifest holds the images of one shard, so the manifest is also the work queue. Pending shards are
found by comparing the footers of the manifest with the shards that exist, without reading a row. A row that has to be
described again is planned under a higher generation in the same shard, which is then replaced as a unit. At any moment
every shard is therefore one that some plan asked for, and no image is in two of them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from osrmac.config import CollectionConfig
from osrmac.errors import ConfigError, DamagedFileError, StorageError
from osrmac.storage import schema, shards
from osrmac.storage.location import Location
from osrmac.storage.plan_comparison import PlanComparison, compare_with_plan, database, repeated_ids
from osrmac.storage.planning.relocation import relocate
from osrmac.storage.planning.rows import replanned, shard_ranges, with_own_columns, with_rows, without_empty_columns
from osrmac.storage.pruning import removed as removed_images

__all__ = [
    "Changes",
    "ShardCount",
    "ShardPlan",
    "check_committed",
    "check_ids",
    "duplicates",
    "is_current",
    "pending",
    "plans_in",
    "read",
    "read_all",
    "replan",
    "shard_plans",
    "shard_ranges",
    "shards_of",
    "unplanned",
    "update",
    "write_part",
]

_PART = re.compile(r"part-(\d+)\.parquet")
_PART_ROWS = 500_000
"""Images in a part of the manifest, to which less than a shard may be missing."""

ShardCount = Callable[[int, int], int]
"""Number of shards to plan, from the number of new images, at least one, and that of all planned images."""


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
        moved: Number of images that are the same at another URI; they keep their rows.
        pruned: Number of listed images that were removed from the run; they are left out unless they are restored.
        relabelled: Number of planned images whose own columns differ, whatever else does; the plan has the new ones.
    """

    new: int
    changed: int
    removed: int
    moved: int = 0
    pruned: int = 0
    relabelled: int = 0


def shards_of(rows: int) -> ShardCount:
    """Return the function that plans shards of at most so many images."""
    return lambda new, _: -(-new // rows)


def shard_plans(folder: Location) -> list[ShardPlan]:
    """Return the plan of every shard of a manifest, reading only footers."""
    return [plan for part in shards.paths(folder) for plan in plans_in(part.name, shards.footer(part))]


def plans_in(part: str, metadata: pq.FileMetaData) -> Iterator[ShardPlan]:
    """Yield the plans of the shards in a part of a manifest.

    Args:
        part: Name of the file.
        metadata: Its footer.
    """
    columns = {metadata.schema.column(index).path: index for index in range(metadata.num_columns)}
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group)
        shard = rows.column(columns["shard"]).statistics.min
        generation = rows.column(columns["generation"]).statistics.max
        yield ShardPlan(part, group, shard, rows.num_rows, generation)


def pending(planned: Iterable[ShardPlan], folder: Location) -> list[ShardPlan]:
    """Return the plans whose shard a folder lacks, has only under an earlier generation, or cannot tell which."""
    committed = {shard.name for shard in shards.paths(folder)}
    return [plan for plan in planned if plan.shard not in committed or not _is_done(plan, folder)]


def _is_done(plan: ShardPlan, folder: Location) -> bool:
    try:
        return is_current(plan, folder)
    except DamagedFileError:
        return False


def unplanned(planned: Iterable[ShardPlan], folder: Location) -> list[Location]:
    """Return the shards of a folder that no plan asks for: copied there by others, or those of a lost manifest."""
    names = {plan.shard for plan in planned}
    return [shard for shard in shards.paths(folder) if shard.name not in names]


def check_committed(folder: Location, committed: Location) -> None:
    """Check that every committed shard is planned: otherwise its images would be planned anew, and get second rows.

    Args:
        folder: Folder of the manifest.
        committed: Folder of the shards.

    Raises:
        StorageError: A shard is not planned.
    """
    strays = unplanned(shard_plans(folder), committed)
    if strays:
        raise StorageError(
            f"{len(strays)} shards in {committed} are not in {folder}, first {strays[0].name}: restore the lost part "
            "of the manifest from a copy, or move these shards away; images in them are then described again"
        )


def is_current(plan: ShardPlan, folder: Location) -> bool:
    """Return whether a committed shard was written under the plan's generation."""
    return not plan.generation or shards.generation(folder / plan.shard) >= plan.generation


def read(folder: Location, plan: ShardPlan) -> pa.Table:
    """Read the planned rows of one shard from a manifest."""
    return shards.read_groups(folder / plan.part, [plan.group])


def read_all(folder: Location, columns: list[str]) -> pa.Table:
    """Read some columns of all planned rows."""
    return pa.concat_tables(shards.read(part, columns) for part in shards.paths(folder))


def duplicates(folder: Location) -> list[str]:
    """Return the ids that are planned more than once; `update` never plans an id twice."""
    with database() as tables:
        tables.execute("create table listing (id varchar)")
        for part in shards.paths(folder):
            tables.register("part", shards.read(part, ["id"]))
            tables.execute("insert into listing from part")
        return repeated_ids(tables)


def update(
    folder: Location,
    committed: Location,
    listing: Iterable[pa.Table],
    shard_count: ShardCount,
    collection: CollectionConfig = CollectionConfig(),
    removed: Location | None = None,
) -> Changes:
    """Plan the images of a collection that are new, and plan those that have changed again.

    An image that has only moved is not described again: the plan and its row get the new URI. An image that could not
    be read is planned again if it has moved, or if more is known of its version now: it was missing, and is there.

    The user's own columns of the listing become those of its images, which are not described again for that. A listing
    that has none leaves them as they are, and so do images that are not listed.

    Args:
        folder: Folder of the manifest.
        committed: Folder of the shards.
        listing: Rows of `schema.COLLECTION` or `schema.QUERIES`, at least one table, with the user's own columns.
        shard_count: Number of shards for the new images, which are divided evenly; not called if there are none.
        collection: Whether the collection may have moved, and whether images that were removed are restored.
        removed: Folder of the digests of images that were removed from the run.

    Raises:
        ConfigError: The listing is that of another collection.
        StorageError: An id is listed twice, or images are listed under other ids than they were planned.
    """
    restore = collection.restore_removed
    with compare_with_plan(
        folder, listing, trust_size=collection.trust_size, removed=removed, restore=restore
    ) as found:
        check_ids(found)
        if not collection.moved:
            _check_collection(found)
        updates = [_update_part(found, name, committed, rows) for name, rows in found.differing()]
        changed, moved, relabelled = map(sum, zip((0, 0, 0), *updates, strict=True))
        if found.new:
            number = shard_count(found.new, found.planned + found.new)
            _append(folder, found.unplanned(), found.columns, _shard_sizes(found.new, number))
        if restore and removed is not None:
            removed_images.forget(removed, found.pruned_ids())
        return Changes(found.new, changed, found.removed, moved, found.pruned, relabelled)


def check_ids(found: PlanComparison) -> None:
    """Check that no id is listed twice, and no image is listed under another id than it was planned.

    The latter would be described twice and found twice. Lists read by version 0.1.0 have such ids: it took the id 0001
    of a CSV file for the number 1.

    Raises:
        StorageError: One is.
    """
    repeated = found.repeated_ids()
    if repeated:
        raise StorageError(f"the list names {repeated[0]} twice: every image needs an id of its own")
    is_query = "box" in found.columns.names  # several queries may be boxes of one image
    renamed = [] if is_query else found.renamed()
    if renamed:
        old, new = renamed[0]
        raise StorageError(
            f"{len(renamed)} images of the run are listed under another id, first {new!r}, which is {old!r} in the "
            "run: list them under the ids that they have in the run, see the columns id and uri of "
            f"{found.folder}/*.parquet, or use a new run"
        )


def _check_collection(found: PlanComparison) -> None:
    other = found.other_collection()
    if other is not None:
        image, uri = other
        raise ConfigError(
            f"the images in {uri.removesuffix(image)} are not those of the run, for example {image!r}: use a new run, "
            "or add --moved if this is its collection at another place"
        )


def _update_part(found: PlanComparison, name: str, committed: Location, rows: pa.Table) -> tuple[int, int, int]:
    """Update the rows of a part that differ.

    Returns:
        The numbers of images that are planned again, that have only moved, and whose own columns differ.
    """
    part = found.folder / name
    table, relabelled = shards.read(part), found.own_columns(rows.filter(rows["own_differ"]))
    rows = rows.filter(pc.not_equal(rows["state"], "relabelled"))
    same = rows.filter(pc.is_in(rows["state"], value_set=pa.array(["moved", "learned"])))
    unread = relocate(committed, table, same)
    is_due = pc.or_(pc.invert(pc.is_in(rows["id"], value_set=same["id"])), pc.is_in(rows["id"], value_set=unread))
    due, moved = rows.filter(is_due), rows.filter(pc.and_(pc.invert(is_due), pc.equal(rows["state"], "moved")))
    versions = rows.select([name for name in schema.QUERIES.names if name in rows.column_names])
    table = replanned(with_rows(table, versions), due["id"])
    write_part(part, with_own_columns(table, relabelled) if relabelled.num_rows else table)
    return due.num_rows, moved.num_rows, relabelled.num_rows


def _shard_sizes(images: int, number: int) -> list[int]:
    """Divide images into shards whose sizes differ by at most one.

    >>> _shard_sizes(11, 3)
    [4, 4, 3]
    """
    size, larger = divmod(images, number)
    return [size + 1] * larger + [size] * (number - larger)


def _append(folder: Location, rows: Iterator[pa.Table], collection: pa.Schema, sizes: Sequence[int]) -> None:
    """Write new rows, sorted by id, as further parts of the manifest.

    Args:
        folder: Folder of the manifest.
        rows: The rows.
        collection: Schema of the listing.
        sizes: Number of rows in each shard, the largest first.
    """
    names = [_PART.fullmatch(part.name) for part in shards.paths(folder)]
    number = max((int(name[1]) for name in names if name), default=-1) + 1
    per_part = max(1, _PART_ROWS // sizes[0])
    parts = [sizes[start : start + per_part] for start in range(0, len(sizes), per_part)]
    for part, (table, within) in enumerate(zip(_regrouped(rows, map(sum, parts)), parts, strict=True), number):
        groups = [table.slice(end - size, size) for end, size in zip(accumulate(within), within, strict=True)]
        shard_names = [_shard_name(group["id"].to_pylist()) for group in groups]
        own = {
            "shard": pa.array(np.repeat(shard_names, [group.num_rows for group in groups]), pa.string()),
            "generation": pa.array(np.zeros(table.num_rows, np.int32)),
        }
        columns = {name: table[name] for name in collection.names}
        planned = pa.table(columns | own).cast(schema.manifest(collection))
        write_part(folder / f"part-{part:05d}.parquet", without_empty_columns(planned))


def _regrouped(tables: Iterator[pa.Table], sizes: Iterable[int]) -> Iterator[pa.Table]:
    """Yield the rows of all tables in tables of given sizes."""
    held: list[pa.Table] = []
    for rows in sizes:
        while sum(map(len, held)) < rows:
            held.append(next(tables))
        table = pa.concat_tables(held)
        yield table.slice(0, rows)
        held = [table.slice(rows)]


def _shard_name(ids: Iterable[str]) -> str:
    return f"part-{hashlib.sha256(chr(0).join(ids).encode()).hexdigest()[:20]}.parquet"


def replan(folder: Location, ids: Collection[str]) -> None:
    """Plan some images again, unchanged, so that they are described once more."""
    wanted = pa.array(ids, pa.string())
    for part in shards.paths(folder) if ids else ():
        table = shards.read(part)
        due = replanned(table, wanted)
        if due is not table:
            write_part(part, due)


def write_part(file: Location, table: pa.Table) -> None:
    """Write a part of the manifest with a row group for each shard."""
    groups = [table.slice(start, stop - start) for start, stop in shard_ranges(table)]
    shards.write_groups(file, groups, write_statistics=["shard", "generation"])
