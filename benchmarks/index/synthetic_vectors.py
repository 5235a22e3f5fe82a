"""Synthetic reduced vectors whose distances to neighbours are distributed like those of a real collection.

A theme, such as a city, has scenes, and a scene has views; each is a normal deviation with the covariance of the real
vectors. The shares of the variance, the number of views and the unevenness of scenes are fitted so that the distances
to the nearest vectors have the quantiles of the real ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmarks.common import Vector

NEIGHBOURS = (1, 10, 100)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
THEMES = 1000
MOST_VIEWS = 200
FITTED_ON = 1500
START = (-0.8, 0.0, -1.0, -0.3)
"""Logarithms of where the search begins: shares of scenes and of views relative to that of themes, unevenness, and
exponent above one half."""


@dataclass(frozen=True, eq=False)
class Model:
    """What vectors are drawn from.

    Attributes:
        mean: Mean, (d,).
        factor: Square root of the covariance, (d, d).
        theme, scene, view: Shares of the variance.
        unevenness: Standard deviation of the logarithm of a view's own deviation.
        exponent: Exponent of the Pareto distribution of the number of views of a scene.
        positive: Whether the vectors have no negative numbers.
    """

    mean: Vector
    factor: Vector
    theme: float
    scene: float
    view: float
    unevenness: float
    exponent: float
    positive: bool

    def draw(self, number: int, seed: int) -> Vector:
        """Draw vectors of unit length, whole scenes one after another, (number, d)."""
        rng = np.random.default_rng(seed)
        dimension = len(self.mean)
        themes = np.random.default_rng(0).standard_normal((THEMES, dimension), np.float32)
        sizes = np.minimum(MOST_VIEWS, 1 + rng.pareto(self.exponent, number)).astype(int)
        sizes = sizes[: np.searchsorted(np.cumsum(sizes), number) + 1]
        scenes = np.sqrt(self.theme) * themes[rng.integers(0, THEMES, len(sizes))]
        scenes += np.sqrt(self.scene) * rng.standard_normal(scenes.shape, np.float32)
        deviation = np.sqrt(self.view) * np.exp(self.unevenness * rng.standard_normal((number, 1), np.float32))
        latent = np.repeat(scenes, sizes, axis=0)[:number]
        latent += deviation * rng.standard_normal(latent.shape, np.float32)
        vectors = latent.astype(np.float32) @ self.factor + self.mean
        if self.positive:
            np.maximum(vectors, 0, out=vectors)
        unit: Vector = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def facts(self) -> dict[str, Any]:
        """Return the fitted numbers."""
        return {name: round(value, 4) for name, value in asdict(self).items() if isinstance(value, float)}


def fit(real: Vector) -> tuple[Model, dict[str, Any]]:
    """Fit a model to real vectors, (n, d), and return the neighbour statistics of both."""
    real = real[np.random.default_rng(0).permutation(len(real))[:FITTED_ON]]
    values, axes = np.linalg.eigh(np.cov(real.T.astype(np.float64)))
    factor = (np.sqrt(values.clip(min=0))[:, None] * axes.T).astype(np.float32)
    wanted = neighbour_statistics(real)

    def model(parameters: NDArray[np.float64]) -> Model:
        scene, view, unevenness, exponent = np.exp(parameters).tolist()
        total = 1 + scene + view
        positive = bool(real.min() >= 0)
        return Model(
            real.mean(axis=0), factor, 1 / total, scene / total, view / total, unevenness, 0.5 + exponent, positive
        )

    def loss(parameters: NDArray[np.float64]) -> float:
        found = neighbour_statistics(model(parameters).draw(len(real), 1))
        return float(np.mean([abs(np.log(found[name] / wanted[name])) for name in wanted]))

    best = minimize(loss, START, method="Nelder-Mead", options={"maxfev": 250, "xatol": 0.02, "fatol": 0.002})
    fitted = model(best.x)
    return fitted, {"real": wanted, "synthetic": neighbour_statistics(fitted.draw(len(real), 1)), "loss": best.fun}


def neighbour_statistics(vectors: Vector) -> Mapping[str, float]:
    """Quantiles of the distances to the n-th neighbours, relative to the median of all, and the intrinsic dimension.

    The dimension is the maximum-likelihood estimate from the first hundred neighbours (Levina and Bickel 2004).
    """
    pairs = np.sqrt(np.maximum(0, 2 - 2 * vectors @ vectors.T))
    median = float(np.median(pairs))
    near = np.sort(np.partition(pairs, 101, axis=1)[:, 1:101], axis=1) / median
    found = {
        f"neighbour {number}, quantile {quantile}": float(np.quantile(near[:, number - 1], quantile))
        for number in NEIGHBOURS
        for quantile in QUANTILES
    }
    logs = np.log(near[:, -1:] / near[:, :-1].clip(min=1e-6))
    found["intrinsic dimension"] = float(np.median(1 / logs.mean(axis=1)))
    return found
