"""Curves of a sweep, and its JSON."""

import json
from dataclasses import asdict

from osrmac.evaluation.sweep import WHOLE_DESCRIPTOR, Point, Sweep

POINTS = [
    Point(WHOLE_DESCRIPTOR, 768, 0, "all", 70.0),
    *(Point("pfa", size, 0, "all", 60.0 + size) for size in (8, 4)),
    *(Point("random", size, seed, "all", 50.0 + 2 * seed) for size in (4, 8) for seed in (0, 1)),
]
SWEEP = Sweep("groups", "mAP", "osrmac", {"coverage": "26 images"}, tuple(POINTS))


def test_a_curve_has_mean_and_standard_deviation_over_the_seeds() -> None:
    assert SWEEP.curve("random", "all") == [(4, 51.0, 1.0), (8, 51.0, 1.0)]
    assert SWEEP.curve("pfa", "all") == [(4, 64.0, 0.0), (8, 68.0, 0.0)]


def test_a_method_without_points_has_an_empty_curve() -> None:
    assert SWEEP.curve("whitening", "all") == []
    assert SWEEP.curve("pfa", "first") == []


def test_a_sweep_is_restored_from_json() -> None:
    assert Sweep.from_json(json.loads(json.dumps(asdict(SWEEP)))) == SWEEP
