"""Whether a run holds what it promises: every planned image once, with sound descriptors."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import ray
from numpy.typing import NDArray

from osrmac.config import ComputeConfig
from osrmac.errors import reason
from osrmac.pipeline.cluster import connect
from osrmac.storage import files, manifest, schema, shards
from osrmac.storage.manifest import Unit
from osrmac.storage.run import Identity, Run

__all__ = ["problems"]

_TOLERANCE = 1e-3
_IN_FLIGHT = 64


def problems(run: str, compute: ComputeConfig = ComputeConfig()) -> Iterator[str]:
    """What is wrong with a run, in a line each; nothing if it is whole. Nothing is mended.

    Checked are, of every shard: that it can be read to the end, that it holds exactly the planned ids and under the
    plan's generation, that its fingerprint is the run's, that every row says either what failed or has all its
    vectors, and that these are finite and their parts of unit norm. A part may be zero throughout, as of a black map.

    Args:
        run: Folder or URL of the run.
        compute: Where the shards are checked.

    Raises:
        StorageError: No run.
    """
    place = Run(run)
    identity = place.identity()
    planned = manifest.units(place.manifest)
    yield from _of_the_plan(place, planned)
    left = manifest.pending(planned, place.descriptors)
    if left:
        rows = sum(unit.rows for unit in left)
        yield f"{rows} planned images are not described yet, in {len(left)} shards, first {left[0].shard}"
    connect(compute)
    unfinished = {unit.shard for unit in left}
    check = partial(_check.remote, place.descriptors, identity)
    yield from _answers(check, [unit for unit in planned if unit.shard not in unfinished])


def _of_the_plan(run: Run, planned: list[Unit]) -> Iterator[str]:
    twice = manifest.duplicates(run.manifest)
    if twice:
        yield f"{len(twice)} ids are planned more than once, first {twice[0]}"
    strays = {files.name(shard) for shard in shards.paths(run.descriptors)} - {unit.shard for unit in planned}
    for stray in sorted(strays):
        yield f"{stray} is no shard of the plan"


def _answers(check: partial[ray.ObjectRef[list[str]]], units: list[Unit]) -> Iterator[str]:
    """The problems of units, some of which are checked at a time."""
    asked = iter(units)
    running = [check(unit) for unit, _ in zip(asked, range(_IN_FLIGHT), strict=False)]
    while running:
        yield from ray.get(running.pop(0))
        running += [check(unit) for unit, _ in zip(asked, range(1), strict=False)]


@ray.remote
def _check(folder: str, identity: Identity, unit: Unit) -> list[str]:
    url = files.join(folder, unit.shard)
    try:
        with shards.opened(url) as file:
            found = list(_of_the_shard(pq.ParquetFile(file), identity, manifest.read(unit)["id"]))
    except Exception as error:  # a damaged file may provoke anything
        found = [f"cannot be read: {reason(error)}"]
    return [f"{unit.shard} {problem}" for problem in found]


def _of_the_shard(shard: pq.ParquetFile, identity: Identity, planned: pa.ChunkedArray) -> Iterator[str]:
    expected = schema.descriptors(identity.dimensions, identity.fingerprint, identity.regional)
    metadata = shard.schema_arrow.metadata or {}
    if metadata.get(b"osrmac.fingerprint") != identity.fingerprint.encode():
        yield "has another fingerprint than the run"
    if not shard.schema_arrow.equals(expected):
        yield "has other columns than the run"
        return
    rows = shard.read()
    if rows["id"].combine_chunks() != planned.combine_chunks().sort():
        yield f"does not hold the {len(planned)} planned ids once each, but {rows.num_rows} rows"
    ok = pc.equal(rows["status"], schema.OK)
    described, failed = rows.filter(ok), rows.filter(pc.invert(ok))
    if failed["error_stage"].null_count or failed["error"].null_count:
        yield "has a failed row without stage and reason"
    for recipe, lengths in identity.parts.items():
        yield from _of_the_vectors(described, failed, recipe, lengths)


def _of_the_vectors(described: pa.Table, failed: pa.Table, recipe: str, lengths: tuple[int, ...]) -> Iterator[str]:
    if described[recipe].null_count or failed[recipe].null_count != failed.num_rows:
        yield f"has {recipe} where an image failed, or lacks it where one was described"
        return
    values = shards.matrix(described[recipe].combine_chunks())
    if not np.isfinite(values).all():
        yield f"has values of {recipe} that are not finite"
    elif not _are_unit(values, lengths):
        yield f"has parts of {recipe} that are not of unit norm"


def _are_unit(values: NDArray[np.float32], lengths: tuple[int, ...]) -> bool:
    norms = [np.linalg.norm(part, axis=1) for part in np.split(values, np.cumsum(lengths)[:-1], axis=1)]
    return all(((np.abs(norm - 1) < _TOLERANCE) | (norm == 0)).all() for norm in norms)
