"""Runs of synthetic vectors, written as an extraction writes them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.common import Vector
from osrmac.config import DescriptorConfig
from osrmac.runs.identity import identify
from osrmac.storage import manifest, schema, shards
from osrmac.storage.manifest import ShardPlan
from osrmac.storage.run import Identity, Run

__all__ = ["write_run"]

_CENTRES = 2048
_SPREAD = 0.7
_COPIES = 50
"""Every so many vectors, one is nearly equal to its predecessor."""

_COPY_SPREAD = 0.005


def write_run(folder: Path, number: int, threads: int, rows_per_shard: int = 2000) -> Run:
    """Write a run of unit vectors from a mixture of clusters: 768 numbers, those of the recipe osrmac of ResNet18.

    Its shards are by default as large as those of a million images.
    """
    run = Run(str(folder))
    identity, _ = identify(DescriptorConfig(backbone="resnet18", weights="random:0"))
    run.open(identity, "/photos", {})
    ids = pa.array([f"{row:08d}.jpg" for row in range(number)])
    none = {"size": 1000, "etag": None, "mtime": None}
    columns = {name: pa.array([value] * number, schema.COLLECTION.field(name).type) for name, value in none.items()}
    listing = pa.table({"id": ids, "uri": ids} | columns, schema=schema.COLLECTION)
    manifest.update(run.manifest, run.descriptors, [listing], manifest.shards_of(rows_per_shard))
    (dimension,) = identity.dimensions.values()
    centres = np.random.default_rng(0).standard_normal((_CENTRES, dimension), np.float32)
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(partial(_write_shard, run, identity, centres), manifest.shard_plans(run.manifest)):
            pass
    run.set_counts({"planned": number, schema.OK: number, schema.FAILED: 0})
    return run


def _write_shard(run: Run, identity: Identity, centres: Vector, plan: ShardPlan) -> None:
    planned = manifest.read(run.manifest, plan)
    vectors = _vectors(centres, plan.rows, seed=int(planned["id"][0].as_py().partition(".")[0]) + 1)
    columns = schema.descriptors(identity.dimensions, identity.fingerprint)
    values = {
        "id": planned["id"],
        "uri": planned["uri"],
        "status": pa.array([schema.OK] * plan.rows),
        "error_stage": pa.nulls(plan.rows, pa.string()),
        "error": pa.nulls(plan.rows, pa.string()),
        "width": pa.array([1024] * plan.rows, pa.int32()),
        "height": pa.array([768] * plan.rows, pa.int32()),
        "osrmac": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1]),
    }
    shards.write(run.descriptors, pa.table(values, schema=columns), plan.shard, plan.generation)


def _vectors(centres: Vector, number: int, seed: int) -> Vector:
    """Draw unit vectors around the centres; some are nearly equal to the one before."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((number, centres.shape[1]), np.float32)
    vectors = centres[rng.integers(len(centres), size=number)] + np.float32(_SPREAD) * noise
    copies = np.arange(1, number, _COPIES)
    vectors[copies] = vectors[copies - 1] + np.float32(_COPY_SPREAD) * noise[copies]
    unit: Vector = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
