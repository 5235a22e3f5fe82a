"""How large the pictures of a run are, counted shard by shard."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from osrmac.runs.shard_reader import each
from osrmac.storage import manifest, schema, shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run

__all__ = ["Sizes", "planned_bytes", "sizes"]


@dataclass
class Sizes:
    """Sizes of pictures, counted.

    Attributes:
        longest: How many have which longest side, in pixels.
        pixels: Of all of them.
        shapes: How many are wide, tall and square.
    """

    longest: Counter[int] = field(default_factory=Counter)
    pixels: int = 0
    shapes: Counter[str] = field(default_factory=Counter)

    @property
    def median(self) -> int:
        """The longest side that half of the pictures do not exceed."""
        half, seen = self.longest.total() / 2, 0
        for side in sorted(self.longest):
            seen += self.longest[side]
            if seen >= half:
                return side
        return 0


def sizes(run: Run) -> Sizes:
    """The sizes of all images that were described."""
    found = Sizes()
    for rows in each(_measured, shards.paths(run.descriptors)):
        width, height = (rows[side].to_numpy().astype(np.int64) for side in ("width", "height"))
        longest = np.maximum(width, height)
        found.longest.update(longest.tolist())
        found.pixels += int((width * height).sum())
        kinds = {"wide": width > height, "tall": width < height, "square": width == height}
        found.shapes.update({kind: int(of_kind.sum()) for kind, of_kind in kinds.items() if of_kind.any()})
    return found


def _measured(shard: Location) -> pa.Table:
    rows = shards.read(shard, ["status", "width", "height"])
    return rows.filter(pc.equal(rows["status"], schema.OK))


def planned_bytes(run: Run) -> int | None:
    """Size of all files that were planned, or None where a storage did not say or nothing was planned."""
    if not shards.paths(run.manifest):
        return None
    found = manifest.read_all(run.manifest, ["size"])["size"]
    return None if found.null_count else int(pc.sum(found).as_py() or 0)
