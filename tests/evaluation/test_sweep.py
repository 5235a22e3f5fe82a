"""Curves of a sweep."""

import io
import sys
from dataclasses import replace

import pytest
from PIL import Image

from osrmac.errors import ConfigError
from osrmac.evaluation.sweep import Point, Sweep, figure, require_matplotlib

POINTS = [
    Point("whole descriptor", 768, 0, "all", 70.0),
    *(Point(method, size, 0, "all", 60.0 + size) for method in ("pfa", "variance", "whitening") for size in (8, 4)),
    *(Point("random", size, seed, "all", 50.0 + 2 * seed) for size in (4, 8) for seed in (0, 1)),
]
SWEEP = Sweep("groups", "mAP", "osrmac", {"coverage": "26 images"}, tuple(POINTS))


def test_a_curve_has_mean_and_standard_deviation_over_the_seeds() -> None:
    assert SWEEP.curve("random", "all") == [(4, 51.0, 1.0), (8, 51.0, 1.0)]
    assert SWEEP.curve("pfa", "all") == [(4, 64.0, 0.0), (8, 68.0, 0.0)]
    assert SWEEP.curve("pfa", "first") == []


def test_the_figure_is_a_picture() -> None:
    with Image.open(io.BytesIO(figure(SWEEP))) as drawn:
        assert drawn.format == "PNG"
        assert drawn.width > 500
        assert len(drawn.convert("RGB").getcolors(maxcolors=10**6) or []) > 50


def test_a_method_that_fits_at_no_size_has_no_line() -> None:
    fitted = replace(SWEEP, points=tuple(point for point in POINTS if point.method != "whitening"))
    assert fitted.curve("whitening", "all") == []
    with Image.open(io.BytesIO(figure(fitted))) as drawn:
        assert drawn.format == "PNG"


def test_every_query_mode_has_a_panel() -> None:
    twice = replace(SWEEP, points=(*POINTS, *(replace(point, mode="first") for point in POINTS)))
    with Image.open(io.BytesIO(figure(SWEEP))) as one, Image.open(io.BytesIO(figure(twice))) as two:
        assert two.width == 2 * one.width


def test_a_missing_matplotlib_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    require_matplotlib()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"osrmac\[figures\]"):
        require_matplotlib()
