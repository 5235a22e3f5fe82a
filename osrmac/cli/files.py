"""Files that commands write beside their results: contact sheets, and lists of near-duplicates or queries."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from osrmac.progress import note

if TYPE_CHECKING:
    from osrmac.evaluation.results import Evaluation
    from osrmac.runs.near_duplicates.groups import Duplicates

__all__ = ["write_duplicates", "write_queries", "write_sheet"]

_COLUMNS = ("group", "action", "id", "uri", "width", "height", "size", "modified", "distance", "run")


def write_sheet(file: Path, page: str, run: str, method: str, images: int) -> None:
    """Write a contact sheet of so many images of a run, compared by a method."""
    _write(file, page, run, "contact sheet", method, images)


def write_duplicates(file: Path, run: str, result: Duplicates) -> None:
    """Write a CSV file with a row for each near-duplicate, which says whether to keep or to remove it."""
    text = io.StringIO()
    rows = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    rows.writeheader()
    for number, group in enumerate(result.groups, 1):
        for image in group:
            rows.writerow(image.to_json() | {"group": number, "action": "keep" if image.keep else "remove"})
    _write(file, text.getvalue(), run, "list", result.method, sum(map(len, result.groups)))


def write_queries(file: Path, run: str | None, evaluation: Evaluation) -> None:
    """Write a CSV file with a row for each query of each method and query mode; it is recorded in the run, if any."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["system", "mode", "query", *evaluation.measures, "positives"])
    for score in evaluation.scores:
        for result in score.results:
            values = (result.values[measure] for measure in evaluation.measures)
            rows.writerow([score.method, score.mode, result.query, *values, result.positives])
    _write(file, text.getvalue(), run, "list", "", max(score.queries for score in evaluation.scores))


def _write(file: Path, text: str, run: str | None, kind: str, method: str, images: int) -> None:
    """Write a file that names images, and record it in their run, if there is one."""
    from osrmac.commands.copies import record_page
    from osrmac.storage import run as storage
    from osrmac.storage.location import Location

    Location.of(file).write_bytes(text.encode())
    note(f"{kind} in {file}")
    if run is not None:
        record_page(storage.Run(run), str(file), kind, method, images)
