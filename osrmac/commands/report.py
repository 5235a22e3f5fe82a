"""Write the report of a run: one HTML page that shows what the run holds and how good it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from osrmac.commands.overview import refresh_overview
from osrmac.evaluation.results import Evaluation
from osrmac.pages.components import Section, Strip, report_page
from osrmac.pages.heading import report_subtitle, report_title
from osrmac.pages.highlights import best_and_worst, headline_score, methods_to_draw
from osrmac.pages.sections.failures import failures_section
from osrmac.pages.sections.features import features_section
from osrmac.pages.sections.near_duplicates import near_duplicates_section
from osrmac.pages.sections.overview import overview_images, overview_section
from osrmac.pages.sections.precision_recall import Curves, precision_recall_section
from osrmac.pages.sections.queries import QueryExtremes, queries_section
from osrmac.pages.sections.scores import scores_section
from osrmac.pages.sections.sizes import sizes_section
from osrmac.pages.sections.strip import sample_strip
from osrmac.pages.sections.sweeps import sweeps_section
from osrmac.pages.sections.times import times_section
from osrmac.pages.thumbnails import Thumbnail, thumbnails, thumbnails_by_id
from osrmac.pages.tiles import summary_tiles
from osrmac.reduction.base import Selection
from osrmac.runs.evaluations import StoredQueryResults, load_evaluations, load_sweeps
from osrmac.runs.failures import DEADLY, Failures, summary
from osrmac.runs.methods import choose_method
from osrmac.runs.near_duplicates.calibration import load_calibrations
from osrmac.runs.overview.stored import load_overview
from osrmac.runs.reductions.stored import load_reductions
from osrmac.runs.summary.image_stats import planned_bytes, sizes
from osrmac.runs.summary.sample import sample
from osrmac.storage.file_names import to_unicode
from osrmac.storage.listing.skipped import describe_skipped
from osrmac.storage.lock import Lock, Part, locked
from osrmac.storage.run import Run

__all__ = ["report", "write_page"]

_SIDE = 240
"""Longest side of a thumbnail in pixels."""

_SAMPLE = 20
"""Number of images in the strip at the top: full rows of ten, five and four."""

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
    evaluations = {name: evaluation for name, evaluation in load_evaluations(place).items() if evaluation.scores}
    searched = choose_method(place, None, regions=True)
    overview = load_overview(place)
    sections = [
        overview_section(overview, thumbnails_by_id(place, overview_images(overview), _SIDE)),
        failures_section(failures, _damaged(place, failures)),
        *_quality(place, evaluations, searched.name),
        near_duplicates_section(load_calibrations(place)),
        features_section(_selections(place), identity.parts, identity.values.get("taps", ())),
        sizes_section(sizes(place)),
        times_section(record["stages"], described + failed),
    ]
    finished = record["stages"].get("extract", {}).get("finished")
    return report_page(
        report_title(record["images"]),
        report_subtitle(record["images"], described, failed, planned_bytes(place), finished),
        summary_tiles(described, failed, evaluations, searched, identity.dimensions),
        [section for section in sections if section],
        _provenance(place, record),
        _strip(place, described),
    )


def _strip(run: Run, described: int) -> Strip | None:
    """Return the photographs that the report opens with."""
    images = sample(run, _SAMPLE)
    shown = thumbnails(run, [(uri, None) for uri in images.values()], _SIDE)
    return sample_strip(dict(zip(images, shown, strict=True)), described)


def _damaged(run: Run, failures: Sequence[Failures]) -> dict[str, Thumbnail]:
    """Return thumbnails of failed images by id, without those that have crashed the process that described them."""
    images = [image for kind in failures[:_KINDS] if not kind.reason.startswith(DEADLY) for image in kind.first]
    shown = thumbnails_by_id(run, [(image, None) for image in images], _SIDE, damaged=True)
    return {image: thumbnail for (image, _), thumbnail in shown.items()}


def _quality(run: Run, evaluations: Mapping[str, Evaluation], searched: str) -> Iterator[Section | None]:
    """Yield the sections of how well the method that searches use finds what belongs together, beside the others."""
    extremes = list(_extremes(run, evaluations, searched))
    shown = thumbnails_by_id(run, [image for each in extremes for image in each.images], _SIDE)
    yield queries_section(extremes, shown)
    yield precision_recall_section(_curves(run, evaluations, searched))
    yield scores_section(evaluations.values(), searched)
    yield sweeps_section(load_sweeps(run))


def _curves(run: Run, evaluations: Mapping[str, Evaluation], searched: str) -> Iterator[Curves]:
    """Yield the mean precision of the methods to draw, by evaluation and query mode."""
    for name, evaluation in evaluations.items():
        results = StoredQueryResults(run, name)
        if results.available:
            methods = methods_to_draw(evaluation, searched)
            for mode in evaluation.modes:
                yield Curves(name, mode, results.precision(methods, mode), methods.get(searched))


def _extremes(run: Run, evaluations: Mapping[str, Evaluation], searched: str) -> Iterator[QueryExtremes]:
    stored = {name: StoredQueryResults(run, name) for name in list(evaluations)[:_QUERIES]}
    shown = {name: results for name, results in stored.items() if results.available}
    for name, results in shown.items():
        measure, score = evaluations[name].measure, headline_score(evaluations[name], searched)
        ranked = [result for result in results.ranked(score.method, score.mode, measure) if result.image is not None]
        title = f"{name}, {score.marked_label}, queries: {score.mode}"
        number = max(1, _QUERIES // len(shown))
        yield QueryExtremes(title, measure, *best_and_worst(ranked, number, results.groups()))


def _selections(run: Run) -> list[Selection]:
    return [reduction for reduction in load_reductions(run) if isinstance(reduction, Selection)]


def _provenance(run: Run, record: Mapping[str, Any]) -> dict[str, str]:
    versions = {"osrmac": record["osrmac"], **record["versions"]}
    skipped = describe_skipped(record.get("skipped", {}))
    return {
        "images": record["images"],
        **({"files passed over": skipped} if skipped else {}),
        "run": to_unicode(run.url),
        "backbone": record["descriptor"]["backbone"],
        "weights": record["weights"],
        "image sizes": ", ".join(map(str, record["descriptor"]["scales"])),
        "recipes": ", ".join(f"{name} {length:,}" for name, length in record["dimensions"].items()),
        "fingerprint": record["fingerprint"],
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
