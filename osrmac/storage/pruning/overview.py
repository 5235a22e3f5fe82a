"""Remove images from the overview of a run, which is out of date from then on."""

from __future__ import annotations

import pyarrow.compute as pc

from osrmac.storage import shards
from osrmac.storage.pruning.journal import Journal
from osrmac.storage.run import Run

__all__ = ["remove_from_overview"]


def remove_from_overview(run: Run, journal: Journal) -> None:
    """Remove images from the overview of a run, if it has one.

    Args:
        run: Run that is pruned.
        journal: Journal that holds the images.
    """
    if not run.overview.exists():
        return
    rows = kept = shards.read(run.overview)
    for _, removed in journal.parts():
        kept = kept.filter(pc.invert(pc.is_in(kept["id"], value_set=removed["id"].combine_chunks())))
    if kept.num_rows < rows.num_rows:
        shards.write_table(run.overview, kept)
