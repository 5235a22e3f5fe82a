"""Fit one way to shorten a descriptor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from osrmac.config import ReductionConfig
from osrmac.errors import ConfigError
from osrmac.reduction.base import Projection, Reduction, Selection
from osrmac.reduction.baselines import random_features, top_variance_features
from osrmac.reduction.moments import Moments
from osrmac.reduction.pfa import PrincipalFeatureAnalysis
from osrmac.reduction.stability import mean_overlap
from osrmac.reduction.whitening import PCAWhitening

__all__ = ["Origin", "reduction", "with_stability"]

_SEEDS = 3
"""With which PFA is tried, to say how much the features that it keeps depend on them."""


@dataclass(frozen=True)
class Origin:
    """What a shortening is fitted on; the fields are those of `Shortening`."""

    recipe: str
    features_in: int
    samples: int
    fitted_on: str
    fingerprint: str


def reduction(method: str, kept: int, moments: Moments, config: ReductionConfig, origin: Origin) -> Reduction:
    """Fit one way to shorten a descriptor.

    Args:
        method: `pfa`, `random`, `variance` or `whitening`.
        kept: Number of features or axes.
        moments: Of the descriptors.
        config: Seed and options of PFA; its sizes are not looked at.
        origin: Where the descriptors come from.

    Raises:
        ConfigError: The descriptors do not allow it.
    """
    try:
        return _shortening(method, kept, moments, config, origin)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def with_stability(found: Reduction, moments: Moments, config: ReductionConfig, origin: Origin) -> Reduction:
    """A selection of PFA with how much it has in common with those of other seeds; others as they are."""
    if not isinstance(found, Selection) or found.method != "pfa":
        return found
    seeds = range(config.seed + 1, config.seed + _SEEDS)
    others = [_shortening("pfa", found.dimension, moments, replace(config, seed=seed), origin) for seed in seeds]
    kept = [each.indices for each in (found, *others) if isinstance(each, Selection)]
    return replace(found, stability=mean_overlap(kept))


def _shortening(method: str, kept: int, moments: Moments, config: ReductionConfig, origin: Origin) -> Reduction:
    fields: dict[str, Any] = {
        "name": f"{origin.recipe}-{method}-{kept}",
        "method": method,
        "seed": config.seed,
        **asdict(origin),
    }
    if method == "random":
        return Selection(indices=_plain(random_features(origin.features_in, kept, config.seed)), **fields)
    if method == "variance":
        return Selection(indices=_plain(top_variance_features(moments, kept)), **fields)
    if method == "whitening":
        whitening = PCAWhitening(kept).fit_moments(moments)
        axes = whitening.components_
        return Projection(axes=axes, offsets=axes @ whitening.mean_, **fields)
    pfa = PrincipalFeatureAnalysis(
        kept,
        retained_variance=config.retained_variance,
        absolute=config.absolute,
        random_state=config.seed,
    ).fit_moments(moments)
    return Selection(
        indices=_plain(pfa.indices_),
        retained_variance=config.retained_variance,
        components=pfa.n_components_,
        explained_variance=float(pfa.explained_variance_ratio_[: pfa.n_components_].sum()),
        absolute=config.absolute,
        variances=tuple(pfa.explained_variance_ratio_.tolist()),
        **fields,
    )


def _plain(indices: Iterable[int]) -> tuple[int, ...]:
    return tuple(int(index) for index in indices)
