"""Write the selected features of every descriptor, shard by shard."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa
import ray

from osrmac.config import ComputeConfig
from osrmac.pipeline.cluster import connect
from osrmac.selection.selection import Selection
from osrmac.storage import files, schema, shards
from osrmac.storage.run import Run

__all__ = ["shorten"]


def shorten(run: Run, selection: Selection, compute: ComputeConfig) -> None:
    """Bring the shortened shards in line with the descriptors; those that are up to date stay as they are."""
    folder = run.reduced(selection.name)
    digest = hashlib.sha256(json.dumps(asdict(selection), sort_keys=True).encode()).hexdigest()
    written = {shard for shard in shards.paths(folder) if shards.read_metadata(shard).get("osrmac.selection") == digest}
    due = [
        (source, name)
        for source in shards.paths(run.descriptors)
        if files.join(folder, name := PurePosixPath(source).name) not in written
    ]
    if due:
        connect(compute)
        ray.get([_shorten_shard.remote(source, folder, name, selection, digest) for source, name in due])


@ray.remote
def _shorten_shard(source: str, folder: str, name: str, selection: Selection, digest: str) -> None:
    whole = shards.read_vectors([source], selection.recipe)
    kept = np.ascontiguousarray(selection.apply(whole.values))
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(kept.ravel()), len(selection.indices))
    rows = schema.reduced(len(selection.indices), selection.fingerprint, digest)
    shards.write(folder, pa.table([pa.array(whole.ids, pa.string()), vectors], schema=rows), name)
