"""Write the report of a run: one HTML page that shows what the run holds and how good it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from osrmac.commands.overview import refresh_overview
from osrmac.evaluation.results import Evaluation
from osrmac.pages.components import report_page
from osrmac.pages.highlights import best_and_worst, best_score, methods_to_draw
from osrmac.pages.sections.collection import collection_section
from osrmac.pages.sections.features import features_section
from osrmac.pages.sections.near_duplicates import near_duplicates_section
from osrmac.pages.sections.overview import overview_images, overview_section
from osrmac.pages.sections.precision_recall import precision_recall_section
from osrmac.pages.sections.queries import QueryExtremes, queries_section
from osrmac.pages.sections.scores import scores_section
from osrmac.pages.sections.sweeps import sweeps_section
from osrmac.pages.sections.times import times_section
from osrmac.pages.thumbnails import Thumbnail, thumbnails_by_id
from osrmac.pages.tiles import summary_tiles
from osrmac.reduction.base import Selection
from osrmac.runs.evaluations import StoredQueryResults, load_evaluations, load_sweeps
from osrmac.runs.failures import DEADLY, Failures, summary
from osrmac.runs.image_stats import planned_bytes, sizes
from osrmac.runs.methods import choose_method
from osrmac.runs.near_duplicates.calibration import load_calibrations
from osrmac.runs.overview.stored import load_overview
from osrmac.runs.reductions.stored import load_reductions
from osrmac.storage.file_names import to_unicode
from osrmac.storage.lock import Lock, Part, locked
from osrmac.storage.run import Run

__all__ = ["report", "write_page"]

_SIDE = 240
"""Longest side of a thumbnail in pixels."""

_QUERIES = 5
"""Number of best and of worst queries, divided among the evaluations so that the page stays small."""

_KINDS = 8
"""Number of kinds of failures that are shown with thumbnails."""


def report(run: str) -> str:
    """Write the report of a run, `RUN/report.html`, replacing an earlier one; sections without content are left out.

    Memory and the size of the page do not grow with the collection.

    Args:
        run: Path or URL of a run.

    Returns:
        URL of the page.

    Raises:
        StorageError: No run, or another process that writes its report.
    """
    place = Run(run)
    place.record()
    refresh_overview(place)
    with locked(place.location, Part.REPORT) as lock:
        write_page(place, lock)
    return place.report.url


def write_page(run: Run, lock: Lock | None = None) -> None:
    """Write the report of a run.

    Args:
        run: Run whose report is locked.
        lock: Lock to confirm before the page is written.
    """
    page = _page(run)
    if lock is not None:
        lock.confirm()
    run.report.write_text(page)


def _page(place: Run) -> str:
    """Return the HTML of the report."""
    record, identity = place.record(), place.identity()
    described, failures = summary(place)
    failed = sum(kind.count for kind in failures)
    file_bytes = planned_bytes(place)
    evaluations = {name: evaluation for name, evaluation in load_evaluations(place).items() if evaluation.scores}
    selections = [reduction for reduction in load_reductions(place) if isinstance(reduction, Selection)]
    extremes = list(_extremes(place, evaluations))
    overview = load_overview(place)
    images = [*overview_images(overview), *(image for each in extremes for image in each.images)]
    shown = thumbnails_by_id(place, images, _SIDE)
    sections = [
        overview_section(overview, shown),
        collection_section(sizes(place), file_bytes, failures, _damaged(place, failures)),
        scores_section(evaluations.values()),
        sweeps_section(load_sweeps(place)),
        precision_recall_section(_curves(place, evaluations)),
        queries_section(extremes, shown),
        near_duplicates_section(load_calibrations(place)),
        features_section(selections, identity.parts, identity.values.get("taps", ())),
        times_section(record["stages"]),
    ]
    extraction = record["stages"].get("extract", {})
    has_vectors = any(recipe not in identity.regional for recipe in identity.dimensions)
    compared = choose_method(place, None) if has_vectors else None
    tiles = summary_tiles(described, failed, file_bytes, evaluations, compared, identity.dimensions, extraction)
    title = "/".join(record["images"].rstrip("/").split("/")[-2:])
    footer = _provenance(place, record)
    return report_page(title, record["images"], tiles, [section for section in sections if section], footer)


def _damaged(run: Run, failures: Sequence[Failures]) -> dict[str, Thumbnail]:
    """Return thumbnails of failed images by id, without those that have crashed the process that described them."""
    images = [image for kind in failures[:_KINDS] if not kind.reason.startswith(DEADLY) for image in kind.first]
    shown = thumbnails_by_id(run, [(image, None) for image in images], _SIDE, damaged=True)
    return {image: thumbnail for (image, _), thumbnail in shown.items()}


def _curves(run: Run, evaluations: Mapping[str, Evaluation]) -> dict[tuple[str, str], dict[str, list[float]]]:
    """Return the mean precision of the methods to draw, by evaluation and query mode, then by label."""
    curves: dict[tuple[str, str], dict[str, list[float]]] = {}
    for name, evaluation in evaluations.items():
        results = StoredQueryResults(run, name)
        if results.available:
            methods = methods_to_draw(evaluation)
            curves |= {(name, mode): results.precision(methods, mode) for mode in evaluation.modes}
    return curves


def _extremes(run: Run, evaluations: Mapping[str, Evaluation]) -> Iterator[QueryExtremes]:
    stored = {name: StoredQueryResults(run, name) for name in list(evaluations)[:_QUERIES]}
    shown = {name: results for name, results in stored.items() if results.available}
    for name, results in shown.items():
        measure, best = evaluations[name].measure, best_score(evaluations[name])
        ranked = [result for result in results.ranked(best.method, best.mode, measure) if result.image is not None]
        title = f"{name}, {best.label}, queries: {best.mode}"
        yield QueryExtremes(title, measure, *best_and_worst(ranked, max(1, _QUERIES // len(shown))))


def _provenance(run: Run, record: Mapping[str, Any]) -> dict[str, str]:
    versions = {"osrmac": record["osrmac"], **record["versions"]}
    return {
        "images": record["images"],
        "run": to_unicode(run.url),
        "backbone": record["descriptor"]["backbone"],
        "weights": record["weights"],
        "image sizes": ", ".join(map(str, record["descriptor"]["scales"])),
        "recipes": ", ".join(f"{name} {length:,}" for name, length in record["dimensions"].items()),
        "fingerprint": record["fingerprint"],
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
