"""New locations of images that have moved, written into their committed rows."""

from __future__ import annotations

from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from osrmac.errors import DamagedFileError
from osrmac.prefetch import prefetch
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.planning.rows import with_rows

__all__ = ["relocate"]

_CONCURRENT = 4
"""Number of shards that are rewritten at once."""


def relocate(committed: Location, planned: pa.Table, images: pa.Table) -> pa.Array:
    """Write the URIs of images into their committed rows; return the ids of those that could not be read.

    Args:
        committed: Folder of the shards.
        planned: Rows of the plan, with the shard of each image.
        images: Ids and URIs.
    """
    names = set(planned.filter(pc.is_in(planned["id"], value_set=images["id"]))["shard"].to_pylist())
    existing = [shard for shard in shards.paths(committed) if shard.name in names] if names else []
    in_shard = partial(_relocate_in_shard, committed, images.select(["id", "uri"]))
    unread = prefetch(in_shard, existing, threads=_CONCURRENT, depth=_CONCURRENT)
    return pa.concat_arrays([pa.array([], pa.string()), *unread])


def _relocate_in_shard(committed: Location, images: pa.Table, shard: Location) -> pa.Array:
    try:
        rows = shards.read(shard, ["id", "uri", "error_stage"])
        if with_rows(rows, images)["uri"] != rows["uri"]:
            shards.write(committed, with_rows(shards.read(shard), images), shard.name, shards.generation(shard))
    except DamagedFileError:  # its images are going to be described again
        return pa.array([], pa.string())
    unread = rows.filter(pc.equal(rows["error_stage"], "fetch"))["id"].combine_chunks()
    return unread.filter(pc.is_in(unread, value_set=images["id"].combine_chunks()))
