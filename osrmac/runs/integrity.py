"""Integrity checks of a run: its plan, each of its shards, and its other files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from osrmac.errors import DamagedFileError, OsrmacError, reason
from osrmac.runs.index.files import IndexFiles, index_file_is_intact, indexed_methods
from osrmac.runs.index.stored import load_index
from osrmac.storage import manifest, schema, shards
from osrmac.storage.checksums import text_is_intact
from osrmac.storage.damage import damaged
from osrmac.storage.listing.walk import walk
from osrmac.storage.location import Location
from osrmac.storage.manifest import ShardPlan
from osrmac.storage.run import Identity, Run

__all__ = ["check_file", "check_indexes", "check_plan", "check_shard", "other_files"]

_TOLERANCE = 1e-3
"""Largest difference between the norm of a part of a descriptor and one."""


_OTHERS = ("queries", "selection", "reduced", "evaluation", "calibration", "duplicates", "overview", "index", "removed")
"""Folders of a run beside those of the plan and the descriptors."""


def check_file(file: Location) -> str | None:
    """Return what is wrong with a file of a run, and what to do, in one line; None if it is as it was written."""
    try:
        if file.name.endswith(".json"):
            file.read_json()
            return None
        content = file.read_bytes()
    except OsrmacError as error:
        return str(error)
    if file.name.endswith(".parquet"):
        problem = shards.damage(content)
    else:
        is_intact = (
            index_file_is_intact(file.name, content) if file.name.endswith(".faiss") else text_is_intact(content)
        )
        problem = None if is_intact else "its digest is that of another content"
    return problem and str(damaged(file.url, problem))


def other_files(run: Run) -> list[Location]:
    """List the files of a run, except for run.json, its plan, its descriptors and its locks."""
    listed = [file for name in _OTHERS for file in _files_below(run.location / name)]
    return listed + ([run.report] if run.report.exists() else [])


def _files_below(folder: Location) -> list[Location]:
    """List all files below a folder, sorted; hidden ones are writes in progress."""
    try:
        paths = [file.path for file in walk(folder.fs, folder.path) if not file.is_special]
    except FileNotFoundError:
        return []
    below = sorted(path.removeprefix(folder.path).lstrip("/") for path in paths)
    return [folder / path for path in below if not PurePosixPath(path).name.startswith(".")]


def check_indexes(run: Run) -> Iterator[str]:
    """Yield one line for each file of an index that is missing."""
    for name in indexed_methods(run):
        try:
            index = load_index(run, name)
        except DamagedFileError:  # which `check_file` says
            continue
        files = IndexFiles(run.index(name))
        for missing in sorted(index.files - files.names()) if index else ():
            yield f"{files.folder / missing} is missing: run osrmac index again"


def check_plan(run: Run, planned: list[ShardPlan]) -> Iterator[str]:
    """Yield one line for each problem with the plan of a run."""
    repeated = manifest.duplicates(run.manifest)
    if repeated:
        yield f"{len(repeated)} ids are planned more than once, first {repeated[0]}"
    for shard in manifest.unplanned(planned, run.descriptors):
        yield f"{shard.name} is no shard of the plan"


def check_shard(run: Run, identity: Identity, plan: ShardPlan) -> list[str]:
    """Return one line for each problem with a committed shard.

    Args:
        run: Run that the shard belongs to.
        identity: Identity of the run's descriptors.
        plan: Plan of the shard.
    """
    shard = run.descriptors / plan.shard
    try:
        content = shard.read_bytes()
        damage = shards.damage(content)
        if damage is not None:
            return [str(damaged(shard.url, damage))]
        planned = manifest.read(run.manifest, plan)["id"]
    except (OsrmacError, FileNotFoundError) as error:
        return [f"{plan.shard} cannot be read: {reason(error)}"]
    problems = _shard_problems(pq.ParquetFile(pa.BufferReader(content)), identity, planned)
    return [f"{plan.shard} {problem}" for problem in problems]


def _shard_problems(shard: pq.ParquetFile, identity: Identity, planned: pa.ChunkedArray) -> Iterator[str]:
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
        yield from _vector_problems(described, failed, recipe, lengths)


def _vector_problems(described: pa.Table, failed: pa.Table, recipe: str, lengths: tuple[int, ...]) -> Iterator[str]:
    if described[recipe].null_count or failed[recipe].null_count != failed.num_rows:
        yield f"has {recipe} where an image failed, or lacks it where one was described"
        return
    values = shards.matrix(described[recipe].combine_chunks())
    if not np.isfinite(values).all():
        yield f"has values of {recipe} that are not finite"
    elif not _have_unit_parts(values, lengths):
        yield f"has parts of {recipe} that are not of unit norm"


def _have_unit_parts(values: NDArray[np.float32], lengths: tuple[int, ...]) -> bool:
    """Return whether each layer's part of each descriptor has norm one, or zero as that of a black image may be."""
    norms = [np.linalg.norm(part, axis=1) for part in np.split(values, np.cumsum(lengths)[:-1], axis=1)]
    return all(((np.abs(norm - 1) < _TOLERANCE) | (norm == 0)).all() for norm in norms)
