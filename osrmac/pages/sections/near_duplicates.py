"""The section of near-duplicates: what the thresholds of `osrmac duplicates` are chosen from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from osrmac.config import DuplicatesConfig
from osrmac.pages.charts import Line, LineChart
from osrmac.pages.components import Grid, Section
from osrmac.runs.near_duplicates.calibration import PictureCalibration, SceneCalibration
from osrmac.types import Matrix

__all__ = ["near_duplicates_section"]

_BINS = 20
_PRECISION = DuplicatesConfig.min_precision


def near_duplicates_section(calibrations: Iterable[PictureCalibration | SceneCalibration]) -> Section | None:
    """Return the section, or None if nothing has been calibrated."""
    charts = [
        chart
        for calibration in calibrations
        for chart in (
            _picture_charts(calibration) if isinstance(calibration, PictureCalibration) else _scene_charts(calibration)
        )
    ]
    note = (
        "How far edited copies of some images are from their originals, and how well their pixels agree, beside the "
        f"nearest other images of the collection. The thresholds are those for a precision of {_PRECISION:g}."
    )
    return Section("Copies", [Grid(charts)], note, technical="calibration of near-duplicates") if charts else None


def _picture_charts(found: PictureCalibration) -> list[LineChart]:
    distances, agreements = found.edited
    others = np.array(found.neighbours, np.float32).reshape(2, -1)
    named = f"{found.method}, {found.distance}"
    least, _ = found.agreement(_PRECISION)
    return [
        _shares(
            f"Distance of copies, {named}",
            found.distance,
            {"edited images": distances, "nearest other images": others[0]},
            f"Pixels are compared up to {found.reach:.4g}.",
        ),
        _shares(
            f"Agreement of pixels, {named}",
            "agreement",
            {"edited images": agreements, "nearest other images": others[1]},
            f"Copies agree by {least:.2f} or more.",
        ),
    ]


def _shares(title: str, x: str, values: Mapping[str, Matrix], description: str) -> LineChart:
    """Return the histograms of several sets of values, in percent."""
    edges = np.linspace(0, max(max(each, default=0) for each in values.values()) or 1, _BINS + 1)
    centres = ((edges[1:] + edges[:-1]) / 2).round(4).tolist()
    lines = []
    for name, each in values.items():
        counts, _ = np.histogram(each, edges)
        shares = (100 * counts / max(1, len(each))).tolist()
        lines.append(Line(name, list(zip(centres, shares, strict=True))))
    return LineChart(title, x, "percent of the pairs", lines, description)


def _scene_charts(found: SceneCalibration) -> list[LineChart]:
    threshold = found.threshold(_PRECISION)
    if not threshold:
        return []
    histogram = found.histogram
    pairs, errors = histogram.cumulative(found.images)
    edges = histogram.edges[1:]
    shown = np.unique(np.searchsorted(edges, np.linspace(0, 1.25 * threshold, _BINS + 1)[1:]).clip(max=len(edges) - 1))
    lines = [
        Line(name, list(zip(edges[shown].round(4).tolist(), counts[shown].tolist(), strict=True)))
        for name, counts in (("pairs", pairs), ("expected of different scenes", errors))
    ]
    title = f"Distance of shots of a scene, {found.method}, {found.distance}"
    return [LineChart(title, found.distance, "pairs", lines, f"The threshold is {threshold:.4g}.")]
