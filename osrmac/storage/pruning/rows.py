"""Remove rows from the plan, the shards and their reduced copies.

A shard that lost rows is of a higher generation, so that no copy of an earlier one counts as current.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from osrmac.errors import DamagedFileError
from osrmac.prefetch import prefetch
from osrmac.progress import warn
from osrmac.storage import manifest, shards
from osrmac.storage.location import Location

__all__ = ["Copies", "remove_late_shards", "remove_rows"]

_CONCURRENT = 4
"""Number of shards that are rewritten at once."""

Copies = Mapping[Location, Collection[str]]
"""Folders of reduced shards, each with the names of those that exist."""


def remove_rows(planned: Location, part: str, committed: Location, ids: pa.Array, copies: Copies | None = None) -> None:
    """Remove images from a part of a manifest, and from the shards and their copies before that.

    It may be interrupted at any point, and repeated. Images of a damaged shard are planned, and not described any more.

    Args:
        planned: Folder of the manifest.
        part: Name of the part.
        committed: Folder of the shards.
        ids: Ids of the images.
        copies: Reduced copies of the shards.
    """
    file = planned / part
    if not file.exists():
        return
    table = shards.read(file)
    is_removed = pc.is_in(table["id"], value_set=ids)
    removed, kept = table.filter(is_removed), table.filter(pc.invert(is_removed))
    if not removed.num_rows:  # an interrupted attempt has come to its end
        return
    remove = partial(_remove_from_shard, committed, copies or {})
    generations = dict(prefetch(remove, _by_shard(removed), threads=_CONCURRENT, depth=_CONCURRENT))
    if kept.num_rows:
        manifest.write_part(file, _with_generations(kept, generations))
    else:
        file.remove()


def remove_late_shards(committed: Location, removed: pa.Table) -> None:
    """Remove the shards that have removed images again; the others in them are planned, and not described any more.

    A worker of a command that was killed before has written them, a moment after their rows were removed.

    Args:
        committed: Folder of the shards.
        removed: Removed rows of a manifest: `id` and `shard`.
    """
    for name, ids in _by_shard(removed.sort_by("shard")):
        shard = committed / name
        if shard.exists() and pc.any(pc.is_in(shards.read(shard, ["id"])["id"], value_set=ids)).as_py():
            warn(f"{shard} was written meanwhile by a process that has outlived its command: it is removed")
            shard.remove()


def _by_shard(rows: pa.Table) -> Iterator[tuple[str, pa.Array]]:
    """Yield the name of each shard, and the ids of its rows."""
    for start, stop in manifest.shard_ranges(rows):
        yield rows["shard"][start].as_py(), rows["id"].slice(start, stop - start).combine_chunks()


def _remove_from_shard(committed: Location, copies: Copies, removed: tuple[str, pa.Array]) -> tuple[str, int | None]:
    """Remove rows from a shard; return its name and new generation, None if it is not there any more."""
    name, ids = removed
    shard, own_copies = committed / name, [folder / name for folder, existing in copies.items() if name in existing]
    rows = _read_sound(shard)
    kept = _without(rows, ids)
    if not kept.num_rows:
        for file in (*own_copies, shard):  # the shard last: without it, an interrupted attempt is not repeated
            file.remove()
        return name, None
    generation = shards.generation(shard)
    if kept.num_rows < rows.num_rows:
        for copy in own_copies:
            _remove_from_copy(copy, ids, generation)
        generation += 1
        shards.replace(shard, kept, generation)
    return name, generation


def _read_sound(shard: Location) -> pa.Table:
    """Read a shard; one that does not exist or is damaged has no rows."""
    try:
        if shard.exists():
            return shards.read(shard)
    except DamagedFileError as error:
        warn(f"{error}; it is removed now")
    return pa.table({"id": pa.array([], pa.string())})


def _remove_from_copy(copy: Location, ids: pa.Array, generation: int) -> None:
    """Remove rows from the copy of a shard of a generation; an outdated copy is removed as a whole."""
    try:
        found = shards.generation(copy)
        if found == generation + 1:  # by an interrupted attempt
            return
        kept = _without(shards.read(copy), ids)
        if found == generation and kept.num_rows:
            shards.replace(copy, kept, generation + 1, small_groups=True)
            return
    except DamagedFileError:
        pass
    copy.remove()


def _without(rows: pa.Table, ids: pa.Array) -> pa.Table:
    return rows.filter(pc.invert(pc.is_in(rows["id"], value_set=ids)))


def _with_generations(plan: pa.Table, generations: Mapping[str, int | None]) -> pa.Table:
    """Return planned rows with generations that follow those of their shards.

    Rows that are due have generations above that of their shard, and stay due; the others get that of the shard, above
    which a row is planned again.
    """
    values = plan["generation"].to_numpy().copy()
    for start, stop in manifest.shard_ranges(plan):
        generation = generations.get(plan["shard"][start].as_py())
        if generation is not None:
            values[start:stop] = generation + (values[start:stop] >= generation)
    column = plan.column_names.index("generation")
    return plan.set_column(column, plan.schema.field(column), pa.array(values.astype(np.int32)))
