"""Sizes of the images of a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from osrmac.runs.shard_reader import map_shards
from osrmac.storage import manifest, schema, shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run

__all__ = ["Sizes", "planned_bytes", "sizes"]


@dataclass
class Sizes:
    """Distribution of the sizes of images.

    Attributes:
        longest: Number of images by longest side, in pixels.
        pixels: Total area of all images, in pixels.
        shapes: Number of images by shape: `wide`, `tall` or `square`.
    """

    longest: Counter[int] = field(default_factory=Counter)
    pixels: int = 0
    shapes: Counter[str] = field(default_factory=Counter)

    @property
    def median(self) -> int:
        """Median of the longest sides, in pixels; 0 without images."""
        half, seen = self.longest.total() / 2, 0
        for side in sorted(self.longest):
            seen += self.longest[side]
            if seen >= half:
                return side
        return 0


def sizes(run: Run) -> Sizes:
    """Return the distribution of the sizes of all described images."""
    result = Sizes()
    for rows in map_shards(_read_sizes, shards.paths(run.descriptors)):
        width, height = (rows[side].to_numpy().astype(np.int64) for side in ("width", "height"))
        result.longest.update(np.maximum(width, height).tolist())
        result.pixels += int((width * height).sum())
        shapes = {"wide": width > height, "tall": width < height, "square": width == height}
        result.shapes.update({shape: int(mask.sum()) for shape, mask in shapes.items() if mask.any()})
    return result


def _read_sizes(shard: Location) -> pa.Table:
    rows = shards.read(shard, ["status", "width", "height"])
    return rows.filter(pc.equal(rows["status"], schema.OK))


def planned_bytes(run: Run) -> int | None:
    """Return the total size of all planned files, or None if nothing is planned or a size is unknown."""
    if not shards.paths(run.manifest):
        return None
    file_sizes = manifest.read_all(run.manifest, ["size"])["size"]
    return None if file_sizes.null_count else int(pc.sum(file_sizes).as_py() or 0)
