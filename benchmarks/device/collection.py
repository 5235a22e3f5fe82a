"""A collection of JPEGs of mixed shapes, and the rows that an extraction has committed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.common import Vector
from benchmarks.device.pictures import make, mixed_sizes
from benchmarks.device.settings import Settings
from osrmac.storage import manifest, schema, shards
from osrmac.storage.run import Run

__all__ = ["commits", "exactly_once", "vectors", "write"]


def write(folder: Path, images: int, links: int, settings: Settings) -> Path:
    """Write JPEGs into a folder, and hard links of all of them into further ones beside it.

    Returns:
        The folder that holds the others, the first of which has no links.
    """
    sizes = mixed_sizes(images, max(settings.photograph))
    for number, encoded in enumerate(make(sizes, settings.threads)):
        for copy in range(links):
            file = folder / f"{copy:02d}" / f"{number:04d}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            if copy:
                file.hardlink_to(folder / "00" / file.name)
            else:
                file.write_bytes(encoded)
    return folder


def commits(run: Run) -> list[tuple[float, int]]:
    """Return the time at which each shard was committed, in order, and its number of images."""
    rows = {plan.shard: plan.rows for plan in manifest.shard_plans(run.manifest)}
    return sorted((Path(shard).stat().st_mtime, rows[shard.name]) for shard in shards.paths(run.descriptors))


def exactly_once(run: Run, expected: set[str]) -> dict[str, int]:
    """Count the rows of a run, and compare their ids with those of the files."""
    found: Counter[str] = Counter()
    status: Counter[str] = Counter()
    for shard in shards.paths(run.descriptors):
        table = shards.read(shard, ["id", "status"])
        found.update(table["id"].to_pylist())
        status.update(table["status"].to_pylist())
    return {
        "files": len(expected),
        "rows": found.total(),
        "described": status[schema.OK],
        "missing": len(expected - found.keys()),
        "more than once": sum(count > 1 for count in found.values()),
    }


def vectors(run: Run, recipe: str) -> dict[str, Vector]:
    """Return the descriptors of all described images by id."""
    found = shards.read_vectors(shards.paths(run.descriptors), recipe)
    return dict(zip(found.ids, np.asarray(found.values), strict=True))
