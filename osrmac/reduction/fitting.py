"""Fit a reduction by name, with the options of the command line and a record of its samples.

From Python, the estimators `PrincipalFeatureAnalysis` and `PCAWhitening` can be used directly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from osrmac.config import ReductionConfig
from osrmac.errors import ConfigError
from osrmac.reduction.base import Projection, Reduction, Selection
from osrmac.reduction.baselines import random_features, top_variance_features
from osrmac.reduction.moments import Moments
from osrmac.reduction.pfa import PrincipalFeatureAnalysis
from osrmac.reduction.stability import mean_overlap
from osrmac.reduction.whitening import PCAWhitening

__all__ = ["STABILITY_SEEDS", "Origin", "fit_reduction"]

STABILITY_SEEDS = 3
"""Number of seeds, the chosen one included, that PFA is fitted with to measure the stability of its selection."""


@dataclass(frozen=True)
class Origin:
    """The samples that a reduction is fitted on. Its fields are those of `Reduction`."""

    recipe: str
    features_in: int
    samples: int
    fitted_on: str
    fingerprint: str


def fit_reduction(
    method: str, size: int, moments: Moments, config: ReductionConfig, origin: Origin, *, seeds: int = 1
) -> Reduction:
    """Fit one reduction to the moments of descriptors.

    Args:
        method: `pfa`, `random`, `variance` or `whitening`.
        size: Number of features or axes to keep.
        moments: Moments of the descriptors.
        config: Seed, retained variance and sign convention; its `features` and `whitening` are not used.
        origin: Description of the samples, recorded in the reduction.
        seeds: Number of consecutive seeds to fit PFA with; two or more also measure its `stability`.

    Raises:
        ConfigError: Too many features, too few samples, or a retained variance that needs all axes.
    """
    fields: dict[str, Any] = {
        "name": f"{origin.recipe}-{method}-{size}",
        "method": method,
        "seed": config.seed,
        **asdict(origin),
    }
    try:
        if method == "random":
            return Selection(indices=_integers(random_features(origin.features_in, size, config.seed)), **fields)
        if method == "variance":
            return Selection(indices=_integers(top_variance_features(moments, size)), **fields)
        if method == "whitening":
            whitening = PCAWhitening(size).fit_moments(moments)
            axes = whitening.components_
            return Projection(axes=axes, offsets=axes @ whitening.mean_, **fields)
        return Selection(**_pfa(size, moments, config, seeds), **fields)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _pfa(size: int, moments: Moments, config: ReductionConfig, seeds: int) -> dict[str, Any]:
    """Return the fields of `Selection` that only PFA fills."""
    fits = [
        PrincipalFeatureAnalysis(
            size, retained_variance=config.retained_variance, absolute=config.absolute, random_state=seed
        ).fit_moments(moments)
        for seed in range(config.seed, config.seed + seeds)
    ]
    chosen = fits[0]
    return {
        "indices": _integers(chosen.indices_),
        "retained_variance": config.retained_variance,
        "components": chosen.n_components_,
        "explained_variance": float(chosen.explained_variance_ratio_[: chosen.n_components_].sum()),
        "absolute": config.absolute,
        "variances": tuple(chosen.explained_variance_ratio_.tolist()),
        "stability": mean_overlap([fit.indices_.tolist() for fit in fits]) if seeds > 1 else None,
    }


def _integers(indices: Iterable[int]) -> tuple[int, ...]:
    """Convert numpy integers, which JSON cannot hold."""
    return tuple(int(index) for index in indices)
