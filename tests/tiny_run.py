"""Runs written row by row, without describing images."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from osrmac.config import DescriptorConfig, canonical
from osrmac.storage import manifest, schema, shards
from osrmac.storage.listing.collection import listing
from osrmac.storage.location import Location
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
    photos: Path | None = None,
) -> Run:
    """Write a run with its plan and descriptors.

    Args:
        folder: Folder of the run.
        recipes: For each recipe the vector of each image by id, (d,), or its regions, (R, d).
        failed: Stage and message of each failed image, by id.
        sizes: Width and height of images of another size than `SIZE`, by id.
        rows_per_shard: Number of images in a shard.
        photos: Folder to write files of these images into. Without one, the collection exists in the plan only.
    """
    failed, sizes = failed or {}, sizes or {}
    vectors = {
        recipe: {name: np.asarray(vector, np.float32) for name, vector in by_id.items()}
        for recipe, by_id in recipes.items()
    }
    run = Run(str(folder))
    identity = _identity(vectors)
    run.open(identity, str(photos or "/photos"), {})
    ids = sorted({*next(iter(vectors.values())), *failed})
    manifest.update(run.manifest, run.descriptors, _listing(ids, photos), manifest.shards_of(rows_per_shard))
    columns = schema.descriptors(identity.dimensions, identity.fingerprint, identity.regional)
    for plan in manifest.shard_plans(run.manifest):
        planned = manifest.read(run.manifest, plan).to_pylist()
        table = [_row(row["id"], row["uri"], vectors, failed, sizes.get(row["id"], SIZE)) for row in planned]
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


def _listing(ids: Sequence[str], photos: Path | None) -> Iterator[pa.Table]:
    if photos is None:
        rows = [{"id": name, "uri": f"/photos/{name}", "size": 1000} for name in ids]
        return iter([pa.Table.from_pylist(rows, schema=schema.COLLECTION)])
    for name in ids:
        file = photos / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode())
    return listing(Location.of(photos))


def _row(
    name: str,
    uri: str,
    vectors: Mapping[str, Mapping[str, np.ndarray]],
    failed: Mapping[str, tuple[str, str]],
    size: Sequence[int],
) -> dict[str, object]:
    row: dict[str, object] = {"id": name, "uri": uri}
    if name in failed:
        stage, message = failed[name]
        return row | {"status": schema.FAILED, "error_stage": stage, "error": message}
    values = {recipe: by_id[name].tolist() for recipe, by_id in vectors.items()}
    return row | {"status": schema.OK, "width": size[0], "height": size[1], **values}
