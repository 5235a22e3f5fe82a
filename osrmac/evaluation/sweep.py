"""A sweep over the number of features: its points, and their figure."""

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
"""What is drawn, and what it is called."""


@dataclass(frozen=True)
class Point:
    """A score.

    Attributes:
        method: `pfa`, `variance`, `whitening`, `random`, or `whole descriptor`.
        features: How many are kept.
        seed: Of the random choice; 0 where nothing is random.
        mode: The query mode.
        value: In the sweep's measure.
    """

    method: str
    features: int
    seed: int
    mode: str
    value: float


@dataclass(frozen=True)
class Sweep:
    """Scores of one descriptor, shortened to several sizes in several ways, under one benchmark."""

    benchmark: str
    measure: str
    recipe: str
    conditions: dict[str, str]
    points: tuple[Point, ...]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The sweep whose `asdict` was stored as JSON."""
        return cls(**{**values, "points": tuple(Point(**point) for point in values["points"])})

    def curve(self, method: str, mode: str) -> list[tuple[int, float, float]]:
        """Number of features, mean and standard deviation over the seeds, by number of features."""
        found: dict[int, list[float]] = {}
        for point in self.points:
            if (point.method, point.mode) == (method, mode):
                found.setdefault(point.features, []).append(point.value)
        return [(features, fmean(values), pstdev(values)) for features, values in sorted(found.items())]


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
