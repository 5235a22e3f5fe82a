"""Retrieval on the Google Landmarks Dataset v2 (Weyand et al. 2020), from its published CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from osrmac.errors import BenchmarkError
from osrmac.evaluation.benchmark import Benchmark, Query

__all__ = ["COLUMNS", "MODES", "SIZE", "load"]

SIZE = 761_757
"""Number of index images, without the query images."""

COLUMNS = ("id", "images", "Usage")
"""Columns of the CSV."""

MODES = ("public", "private")
"""Query modes: the two parts of the queries, which are scored apart."""

_IGNORED = "ignored"


def load(ground_truth: Mapping[str, str]) -> Benchmark:
    """Return the benchmark: mAP@100; the query images are not part of the index.

    Args:
        ground_truth: One CSV, `retrieval_solution_v2.1.csv`, with the columns `id` (of a query), `images` (ids of the
            relevant index images, separated by spaces, or `None`), and `Usage` (Public, Private or Ignored).

    Returns:
        A benchmark without the queries that have no relevant image. All ids of the CSV are outside the index.

    Raises:
        BenchmarkError: Several files, a column is missing, a line is malformed, or there is no query.
    """
    if len(ground_truth) > 1:
        raise BenchmarkError(f"gldv2 needs one CSV, retrieval_solution_v2.1.csv, not {len(ground_truth)} files")
    ((file, text),) = ground_truth.items()
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="", strict=True)
    try:
        return _benchmark(file, reader)
    except csv.Error as error:
        raise BenchmarkError(f"{file}, after line {reader.line_num}: {error}") from error


def _benchmark(file: str, reader: csv.DictReader[str]) -> Benchmark:
    if not set(COLUMNS) <= set(reader.fieldnames or ()):
        raise BenchmarkError(f"{file} must have the columns {', '.join(COLUMNS)}")
    modes: dict[str, list[Query]] = {mode: [] for mode in MODES}
    listed: set[str] = set()
    for row in reader:
        image, usage = row["id"], row["Usage"].lower()
        if not image or image in listed or usage not in {*MODES, _IGNORED} or None in row:
            raise BenchmarkError(
                f"{file}, line {reader.line_num}: expected a new id, images, and Public, Private or Ignored"
            )
        listed.add(image)
        positives = frozenset(row["images"].split()) - {"None"}
        if positives and usage in MODES:
            modes[usage].append(Query(image, image, positives))
    used = {mode: tuple(queries) for mode, queries in modes.items() if queries}
    if not used:
        raise BenchmarkError(f"{file} has no query with a relevant image")
    inside = frozenset().union(*(query.positives for queries in used.values() for query in queries))
    if both := sorted(inside & listed):
        raise BenchmarkError(f"{file}: {both[0]!r} is both a query and an index image")
    return Benchmark("gldv2", used, ("mAP@100",), SIZE, outside=frozenset(listed))
