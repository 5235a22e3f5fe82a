"""A run of synthetic reduced vectors, written shard by shard, without descriptors."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.common import Vector
from benchmarks.index.synthetic_vectors import Model
from osrmac.reduction.base import Reduction
from osrmac.runs.reductions.reduced_reader import digest
from osrmac.runs.reductions.stored import write_reduction
from osrmac.storage import manifest, schema, shards
from osrmac.storage.manifest import ShardPlan
from osrmac.storage.run import Identity, Run

PLANNED = 1_000_000
"""Images that are listed at once."""

HELD = 10
"""Vectors of each shard that are not written: queries, whose scenes are in the collection."""


@dataclass(frozen=True, eq=False)
class Synthetic:
    """A synthetic run, and what it is made from."""

    run: Run
    identity: Identity
    reduction: Reduction
    model: Model
    plans: list[ShardPlan]

    def draw(self, plan: ShardPlan) -> tuple[Vector, Vector]:
        """Draw the vectors of a shard, whose scenes are not apart from each other, and the queries."""
        seed = int(plan.shard.removeprefix("part-").removesuffix(".parquet"), 16) % 2**32
        vectors = self.model.draw(plan.rows + HELD, seed)[np.random.default_rng(seed).permutation(plan.rows + HELD)]
        return vectors[HELD:], vectors[:HELD]

    def queries(self, number: int) -> Vector:
        """Return queries from evenly spaced shards."""
        step = max(1, len(self.plans) * HELD // number)
        return np.concatenate([self.draw(plan)[1] for plan in self.plans[::step]])[:number]


def synthetic_run(folder: Path, real: Run, reduction: Reduction, model: Model, images: int, threads: int) -> Synthetic:
    """Write a run, or what is missing of one that was interrupted."""
    run, identity = Run(str(folder)), real.identity()
    run.open(identity, "synthetic", {})
    known = folder / "synthetic.json"
    if not known.exists():
        rows = max(64, min(images // 500, 128_000_000 // identity.row_bytes))
        manifest.update(run.manifest, run.descriptors, _listing(images), manifest.shards_of(rows))
        write_reduction(run, reduction)
        run.set_search_method(reduction.recipe, reduction.name)
        known.write_text(json.dumps(_facts(model, images, reduction)))
    elif json.loads(known.read_text()) != _facts(model, images, reduction):
        raise SystemExit(f"{folder} is of other vectors: remove it")
    synthetic = Synthetic(run, identity, reduction, model, manifest.shard_plans(run.manifest))
    done = {file.name for file in shards.paths(run.descriptors)}
    due = [plan for plan in synthetic.plans if plan.shard not in done]
    with ThreadPoolExecutor(threads) as pool:
        for number, _ in enumerate(pool.map(partial(_write, synthetic), due), len(synthetic.plans) - len(due) + 1):
            if number % 25 == 0:
                progress(f"{number} of {len(synthetic.plans)} shards written")
    run.set_counts({"planned": images, schema.OK: images, schema.FAILED: 0})
    return synthetic


def _facts(model: Model, images: int, reduction: Reduction) -> dict[str, Any]:
    return {"images": images, "model": model.facts(), "reduction": digest(reduction)}


def _listing(images: int) -> Iterator[pa.Table]:
    for start in range(0, images, PLANNED):
        ids = pa.array([f"{row:09d}.jpg" for row in range(start, min(start + PLANNED, images))])
        none = {name: pa.nulls(len(ids), schema.COLLECTION.field(name).type) for name in ("size", "etag", "mtime")}
        yield pa.table({"id": ids, "uri": ids, **none}, schema=schema.COLLECTION)


def _write(synthetic: Synthetic, plan: ShardPlan) -> None:
    """Write a reduced shard, and then the shard of descriptors, whose vectors are null."""
    run, identity, reduction = synthetic.run, synthetic.identity, synthetic.reduction
    planned = manifest.read(run.manifest, plan)
    values = pa.FixedSizeListArray.from_arrays(pa.array(synthetic.draw(plan)[0].ravel()), reduction.dimension)
    columns = schema.reduced(reduction.dimension, identity.fingerprint, digest(reduction))
    reduced = pa.table([planned["id"], values], schema=columns)
    shards.write(run.reduced(reduction.name), reduced, plan.shard, plan.generation, small_groups=True)
    columns = schema.descriptors(identity.dimensions, identity.fingerprint)
    constant = {"status": schema.OK, "width": 1024, "height": 768}
    given = {"id": planned["id"], "uri": planned["uri"]}
    given |= {
        name: pa.repeat(pa.scalar(value, columns.field(name).type), plan.rows) for name, value in constant.items()
    }
    rows = [given.get(field.name, pa.nulls(plan.rows, field.type)) for field in columns]
    shards.write(run.descriptors, pa.table(rows, schema=columns), plan.shard, plan.generation)


def progress(line: str) -> None:
    """Write a line about what is done to standard error."""
    print(line, file=sys.stderr, flush=True)
