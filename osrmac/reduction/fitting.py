"""Fit a reduction by name, with the options of the command line and a record of its samples.

From Python, the estimators `LeverageSelection`, `PrincipalFeatureAnalysis` and `PCAWhitening` can be used directly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from osrmac.config import ReductionConfig
from osrmac.errors import ConfigError
from osrmac.reduction.base import WHITENS, Projection, Reduction, Selection, reduction_name
from osrmac.reduction.baselines import random_features, top_variance_features
from osrmac.reduction.leverage import LeverageSelection
from osrmac.reduction.moments import Moments
from osrmac.reduction.pfa import PrincipalFeatureAnalysis
from osrmac.reduction.stability import mean_overlap
from osrmac.reduction.whitening import PCAWhitening

__all__ = ["STABILITY_SEEDS", "Origin", "fit_reduction"]

STABILITY_SEEDS = 3
"""Number of seeds, the chosen one included, that PFA is fitted with to measure the stability of its selection."""


_CENTRED = "leverage-centred"


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
        method: `leverage`, `leverage-centred`, `pfa`, `random`, `variance` or `whitening`.
        size: Number of features or axes to keep.
        moments: Moments of the descriptors.
        config: Seed, retained variance, sign convention and power; which reductions it asks for does not matter.
        origin: Description of the samples, recorded in the reduction.
        seeds: Number of consecutive seeds to fit PFA with; two or more also measure its `stability`.

    Raises:
        ConfigError: Too many features, too few samples, or a retained variance that needs all axes.
    """
    fields: dict[str, Any] = {
        "name": reduction_name(origin.recipe, method, size, config.power),
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
            whitening = PCAWhitening(size, power=config.power).fit_moments(moments)
            axes = whitening.components_
            power = None if config.power == WHITENS else config.power
            return Projection(axes=axes, offsets=axes @ whitening.mean_, power=power, **fields)
        if method != "pfa":
            return Selection(**_leverage(method, size, moments, config), **fields)
        return Selection(**_pfa(size, moments, config, seeds), **fields)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _leverage(method: str, size: int, moments: Moments, config: ReductionConfig) -> dict[str, Any]:
    """Return the fields of `Selection` that leverage selection fills."""
    chosen = LeverageSelection(size, retained_variance=config.retained_variance).fit_moments(moments)
    indices = chosen.indices_
    return {
        "indices": _integers(indices),
        "unit_length": True,
        "mean": tuple(moments.mean[indices].tolist()) if method == _CENTRED else None,
        **_spectrum(chosen, config),
    }


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
        "absolute": config.absolute,
        **_spectrum(chosen, config),
        "stability": mean_overlap([fit.indices_.tolist() for fit in fits]) if seeds > 1 else None,
    }


def _spectrum(fitted: LeverageSelection | PrincipalFeatureAnalysis, config: ReductionConfig) -> dict[str, Any]:
    """Return the fields of `Selection` that describe the principal axes."""
    ratios = fitted.explained_variance_ratio_
    return {
        "retained_variance": config.retained_variance,
        "components": fitted.n_components_,
        "explained_variance": float(ratios[: fitted.n_components_].sum()),
        "variances": tuple(ratios.tolist()),
    }


def _integers(indices: Iterable[int]) -> tuple[int, ...]:
    """Convert numpy integers, which JSON cannot hold."""
    return tuple(int(index) for index in indices)
