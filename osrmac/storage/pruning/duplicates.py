"""Remove images from the near-duplicates that a run keeps."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from osrmac.storage import shards
from osrmac.storage.pruning.journal import Journal
from osrmac.storage.run import Run

__all__ = ["remove_duplicates"]


def remove_duplicates(run: Run, journal: Journal) -> None:
    """Remove images from all groups; the first image that is left is the one to keep, and one image is no group."""
    if not run.duplicates.exists():
        return
    rows = shards.read(run.duplicates)
    left = rows
    for _, removed in journal.parts():
        left = left.filter(pc.invert(pc.is_in(left["id"], value_set=removed["id"].combine_chunks())))
    if len(left) < len(rows):
        shards.write_table(run.duplicates, _regrouped(left))


def _regrouped(rows: pa.Table) -> pa.Table:
    groups: dict[int, list[dict[str, object]]] = {}
    for row in rows.to_pylist():
        groups.setdefault(row["group"], []).append(row)
    kept = [
        row | {"keep": number == 0} for group in groups.values() if len(group) > 1 for number, row in enumerate(group)
    ]
    return pa.Table.from_pylist(kept, schema=rows.schema)
