"""Remove images from the query results of evaluations, and mark the evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from osrmac.storage import shards
from osrmac.storage.pruning.journal import Journal
from osrmac.storage.run import Run
from osrmac.types import REMOVED_SINCE

__all__ = ["marks", "remove_results"]

_SUFFIX = "-queries.parquet"


def marks(run: Run, images: int, date: str) -> dict[str, str]:
    """Return the mark of each evaluation and sweep of a run after some more images are removed."""
    found = {name: values for name, values in run.evaluations().items() if {"scores", "points"} & set(values)}
    before = {name: _conditions(values).get(REMOVED_SINCE, "0") for name, values in found.items()}
    return {name: f"{images + int(mark.partition(',')[0])}, last on {date}" for name, mark in before.items()}


def remove_results(run: Run, journal: Journal, marked: Mapping[str, str]) -> None:
    """Remove images from all query results: the rows of queries that are removed images, and all others that name them.

    Args:
        run: Run with evaluations.
        journal: Journal that holds the images.
        marked: New mark of each evaluation.
    """
    for file in (run.location / "evaluation").files(_SUFFIX):
        results = shards.read(file)
        removed = _removed(results, journal)
        if removed:
            shards.write_table(file, _without(results, removed))
    for name, values in run.evaluations().items():
        if name in marked:
            _conditions(values)[REMOVED_SINCE] = marked[name]
            run.evaluation(name, ".json").write_json(values)


def _conditions(values: dict[str, Any]) -> dict[str, Any]:
    """Return the conditions among the values of an evaluation, or those of a sweep, which are apart."""
    conditions: dict[str, Any] = values.get("conditions", values)
    return conditions


def _removed(results: pa.Table, journal: Journal) -> frozenset[str]:
    """Return the removed images that query results name."""
    columns = [results[name] for name in ("query", "image", "first") if name in results.column_names]
    if "nearest" in results.column_names:
        columns.append(pc.struct_field(pc.list_flatten(results["nearest"]), "id"))
    texts = [pc.list_flatten(column) if pa.types.is_list(column.type) else column for column in columns]
    named = pa.array(sorted({text for column in texts for text in column.to_pylist() if text is not None}), pa.string())
    parts = (named.filter(pc.is_in(named, value_set=rows["id"].combine_chunks())) for _, rows in journal.parts())
    return frozenset(image for part in parts for image in part.to_pylist())


def _without(results: pa.Table, removed: frozenset[str]) -> pa.Table:
    rows = [row for row in results.to_pylist() if removed.isdisjoint((row["query"], row.get("image")))]
    for row in rows:
        if row.get("first"):
            row["first"] = [image for image in row["first"] if image not in removed]
        if row.get("nearest"):
            row["nearest"] = [match for match in row["nearest"] if match["id"] not in removed]
    return pa.Table.from_pylist(rows, schema=results.schema)
