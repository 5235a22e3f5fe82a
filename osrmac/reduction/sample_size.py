"""Whether a reduction was fitted on enough samples to be trusted."""

from __future__ import annotations

from osrmac.reduction.base import Reduction

__all__ = ["SAMPLES_PER_AXIS", "shortage"]

SAMPLES_PER_AXIS = 4
"""Samples that PCA-whitening needs per axis. The smallest of its eigenvalues, by which it divides, are noise below."""

_RANKED_BY_AXES = ("leverage", "leverage-centred", "pfa")
"""Methods that need a sample per feature: with fewer, the covariance has no full rank."""


def shortage(reduction: Reduction) -> str | None:
    """Return why the samples of a reduction are too few, in words that follow "was"; None if they are enough."""
    axes = reduction.dimension
    if reduction.method in _RANKED_BY_AXES and reduction.samples < reduction.features_in:
        return f"fitted on {reduction.samples} descriptors, fewer than the {reduction.features_in} features"
    if reduction.method == "whitening" and reduction.samples < SAMPLES_PER_AXIS * axes:
        return f"fitted on {reduction.samples} descriptors, fewer than {SAMPLES_PER_AXIS} for each of the {axes} axes"
    return None
