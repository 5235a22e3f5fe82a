"""Any collection, with groups of relevant images given by a CSV."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Mapping

from osrmac.errors import BenchmarkError
from osrmac.evaluation.benchmark import Benchmark, Query, by_id

__all__ = ["MODES", "load"]

MODES = ("all", "marked")
"""Query modes: every image of the CSV, or those marked in its column `query`. A CSV has one of the two."""

_YES = {"1", "true", "yes", "y"}
_NO = {"", "0", "false", "no", "n"}


def load(ground_truth: Mapping[str, str]) -> Benchmark:
    """Return the benchmark: mAP; each query is removed from its own ranking.

    Args:
        ground_truth: One CSV with the columns `id` (as in the run), `group` and, if only some images are
            queries, `query` (1 or 0). Images without a group may be left out.

    Returns:
        A benchmark with the query mode `marked` if the CSV has a column `query`, else `all`.

    Raises:
        BenchmarkError: A column is missing, a line is malformed, or no group has two images.
    """
    if len(ground_truth) > 1:
        raise BenchmarkError(f"groups needs one CSV as its ground truth, not {len(ground_truth)} files")
    ((file, text),) = ground_truth.items()
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="", strict=True)
    try:
        return _benchmark(file, reader)
    except csv.Error as error:
        raise BenchmarkError(f"{file}, after line {reader.line_num}: {error}") from error


def _benchmark(file: str, reader: csv.DictReader[str]) -> Benchmark:
    columns = reader.fieldnames or []
    if not {"id", "group"} <= set(columns):
        raise BenchmarkError(
            f"{file} must have the columns id and group, not {', '.join(map(repr, columns)) or 'none'}"
        )
    members: dict[str, list[str]] = defaultdict(list)
    group_of_query: dict[str, str] = {}
    for row in reader:
        line = f"{file}, line {reader.line_num}"
        image, group, mark = row["id"], row["group"], row.get("query", "").strip().lower()
        if not image or not group or mark not in _YES | _NO or None in row:
            raise BenchmarkError(f"{line}: expected an id, a group and, if any, query 1 or 0")
        if image in members[group]:
            raise BenchmarkError(f"{line}: {image!r} is listed twice in group {group!r}")
        members[group].append(image)
        if "query" not in columns or mark in _YES:
            if image in group_of_query:
                raise BenchmarkError(f"{line}: {image!r} is a query of two groups")
            group_of_query[image] = group
    queries = tuple(
        Query(image, image, positives=frozenset(members[group]) - {image}, junk=frozenset([image]))
        for image, group in group_of_query.items()
        if len(members[group]) > 1
    )
    if not queries:
        raise BenchmarkError(f"{file} has no query whose group has a second image")
    return Benchmark("groups", {"marked" if "query" in columns else "all": queries}, ("mAP",), None, naming=by_id)
