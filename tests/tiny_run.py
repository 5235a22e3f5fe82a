"""Runs written row by row, without describing images."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from osrmac.config import DescriptorConfig, canonical
from osrmac.storage import manifest, schema, shards
from osrmac.storage.run import Identity, Run

SIZE = (640, 480)
"""Width and height of the images in these runs."""


def tiny_run(
    folder: Path,
    recipes: Mapping[str, Mapping[str, ArrayLike]],
    *,
    failed: Mapping[str, tuple[str, str]] | None = None,
    sizes: Mapping[str, tuple[int, int]] | None = None,
    rows_per_shard: int = 2,
) -> Run:
    """Write a run with its plan and descriptors.

    Args:
        folder: Folder of the run.
        recipes: For each recipe the vector of each image by id, (d,), or its regions, (R, d).
        failed: Stage and message of each failed image, by id.
        sizes: Width and height of images of another size than `SIZE`, by id.
        rows_per_shard: Number of images in a shard.
    """
    failed, sizes = failed or {}, sizes or {}
    vectors = {
        recipe: {name: np.asarray(vector, np.float32) for name, vector in by_id.items()}
        for recipe, by_id in recipes.items()
    }
    run = Run(str(folder))
    identity = _identity(vectors)
    run.open(identity, "/photos", {})
    ids = sorted({*next(iter(vectors.values())), *failed})
    rows = [{"id": name, "uri": f"/photos/{name}", "size": 1000} for name in ids]
    manifest.update(
        run.manifest,
        run.descriptors,
        [pa.Table.from_pylist(rows, schema=schema.COLLECTION)],
        manifest.shards_of(rows_per_shard),
    )
    columns = schema.descriptors(identity.dimensions, identity.fingerprint, identity.regional)
    for plan in manifest.shard_plans(run.manifest):
        planned = manifest.read(run.manifest, plan)["id"].to_pylist()
        table = [_row(name, vectors, failed, sizes.get(name, SIZE)) for name in planned]
        shards.write(run.descriptors, pa.Table.from_pylist(table, schema=columns), plan.shard)
    run.set_counts({"planned": len(ids), schema.OK: len(ids) - len(failed), schema.FAILED: len(failed)})
    return run


def _identity(vectors: Mapping[str, Mapping[str, np.ndarray]]) -> Identity:
    config = DescriptorConfig(backbone="resnet18", weights="random:0", recipes=tuple(vectors))
    parts: dict[str, tuple[int, ...]] = {
        recipe: next(iter(by_id.values())).shape[-1:] for recipe, by_id in vectors.items()
    }
    regional = tuple(recipe for recipe, by_id in vectors.items() if next(iter(by_id.values())).ndim == 2)
    values = canonical(config, layers=("layer4", "layer3"), weights="digest")
    return Identity(config, values, "resnet18 random:0", parts, regional)


def _row(
    name: str,
    vectors: Mapping[str, Mapping[str, np.ndarray]],
    failed: Mapping[str, tuple[str, str]],
    size: Sequence[int],
) -> dict[str, object]:
    row: dict[str, object] = {"id": name, "uri": f"/photos/{name}"}
    if name in failed:
        stage, message = failed[name]
        return row | {"status": schema.FAILED, "error_stage": stage, "error": message}
    values = {recipe: by_id[name].tolist() for recipe, by_id in vectors.items()}
    return row | {"status": schema.OK, "width": size[0], "height": size[1], **values}
