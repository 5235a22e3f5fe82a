"""A random sample of a listed collection, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from osrmac.storage.schema import COLLECTION

__all__ = ["Sample", "draw"]


@dataclass(frozen=True, eq=False)
class Sample:
    """Some images of a collection, and totals of all of them.

    Attributes:
        rows: The drawn images, a table of `schema.COLLECTION` in the order of the listing.
        images: Number of images of the collection.
        sized: Number of images whose file sizes are known.
        bytes: Total size of these files.
    """

    rows: pa.Table
    images: int
    sized: int
    bytes: int

    @property
    def total_bytes(self) -> int | None:
        """Size of all files, those of unknown size taken for average ones; None if no size is known."""
        return round(self.bytes / self.sized * self.images) if self.sized else None


def draw(listing: Iterable[pa.Table], size: int, seed: int) -> Sample:
    """Draw images without replacement, each equally likely; all of them if the collection is no larger.

    Each image gets a random number, and those with the smallest numbers are kept.

    Args:
        listing: Tables with the columns of `schema.COLLECTION`, of which one is in memory at a time.
        size: Number of images to draw.
        seed: Seed of the draw, which also depends on the order of the listing.
    """
    random = np.random.default_rng(seed)
    kept, keys = COLLECTION.empty_table(), np.empty(0)
    images = sized = total = 0
    for table in listing:
        rows = table.select(COLLECTION.names).cast(COLLECTION)
        images += rows.num_rows
        sized += rows.num_rows - rows["size"].null_count
        total += pc.sum(rows["size"]).as_py() or 0
        drawn = random.random(rows.num_rows)
        candidates = np.concatenate([keys, drawn])
        chosen = np.sort(np.argsort(candidates, kind="stable")[:size])
        kept, keys = pa.concat_tables([kept, rows]).take(chosen), candidates[chosen]
    return Sample(kept, images, sized, total)
