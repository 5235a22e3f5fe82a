"""Scores of reductions as a function of their dimension."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import fmean, pstdev
from typing import Any, Self

from osrmac.errors import ConfigError

__all__ = ["METHODS", "Point", "Sweep", "figure", "require_matplotlib"]

METHODS = {
    "pfa": "PFA",
    "variance": "top variance",
    "whitening": "PCA-whitening",
    "random": "random choice (mean and spread)",
}
"""Labels of the methods that are compared with the whole descriptor."""


@dataclass(frozen=True)
class Point:
    """Score of one reduction in one query mode.

    Attributes:
        method: `pfa`, `variance`, `whitening`, `random`, or `whole descriptor`.
        features: Number of features or axes kept.
        seed: Seed of the random choice; 0 for the other methods.
        mode: Query mode.
        value: Value of the sweep's measure.
    """

    method: str
    features: int
    seed: int
    mode: str
    value: float


@dataclass(frozen=True)
class Sweep:
    """Scores of one descriptor under one benchmark, reduced to several sizes by several methods.

    Attributes:
        benchmark: Name of the benchmark.
        measure: Measure of all values.
        recipe: Recipe of the descriptor.
        conditions: Conditions of the scores by name, such as coverage and distance.
        points: Score of each reduction in each query mode.
    """

    benchmark: str
    measure: str
    recipe: str
    conditions: dict[str, str]
    points: tuple[Point, ...]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the sweep whose `asdict` was stored as JSON."""
        return cls(**{**values, "points": tuple(Point(**point) for point in values["points"])})

    def curve(self, method: str, mode: str) -> list[tuple[int, float, float]]:
        """Return features, mean and standard deviation over the seeds, by increasing number of features."""
        values_by_size: dict[int, list[float]] = {}
        for point in self.points:
            if (point.method, point.mode) == (method, mode):
                values_by_size.setdefault(point.features, []).append(point.value)
        return [(features, fmean(values), pstdev(values)) for features, values in sorted(values_by_size.items())]


def require_matplotlib() -> None:
    """Ask before the work whether its figure can be drawn after it.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise ConfigError("the figure needs matplotlib: pip install 'osrmac[figures]'")


def figure(sweep: Sweep) -> bytes:
    """The curves as a PNG, a panel for each query mode; it needs matplotlib."""
    from matplotlib.figure import Figure

    modes = list(dict.fromkeys(point.mode for point in sweep.points))
    drawn = Figure(figsize=(6 * len(modes), 4.5), layout="constrained")
    axes = drawn.subplots(1, len(modes), squeeze=False)[0]
    for panel, mode in zip(axes, modes, strict=True):
        _draw(panel, sweep, mode)
    axes[0].legend()
    drawn.suptitle(f"{sweep.benchmark}, {sweep.recipe}; " + ", ".join(list(sweep.conditions.values())[:3]))
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def _draw(panel: Any, sweep: Sweep, mode: str) -> None:
    for method, label in METHODS.items():
        curve = sweep.curve(method, mode)
        if not curve:
            continue
        features, means, spreads = zip(*curve, strict=True)
        (line,) = panel.plot(features, means, marker="o", label=label)
        if any(spreads):
            low = [mean - spread for mean, spread in zip(means, spreads, strict=True)]
            high = [mean + spread for mean, spread in zip(means, spreads, strict=True)]
            panel.fill_between(features, low, high, alpha=0.25, color=line.get_color())
    ((_, whole, _),) = sweep.curve("whole descriptor", mode)
    panel.axhline(whole, color="grey", linestyle="--", label="whole descriptor")
    panel.set_xscale("log", base=2)
    sizes = sorted({point.features for point in sweep.points if point.method in METHODS})
    panel.set_xticks(sizes, [str(size) for size in sizes])
    panel.set_xlabel("features kept")
    panel.set_ylabel(sweep.measure)
    panel.set_title(f"queries: {mode}")
    panel.grid(alpha=0.3)
