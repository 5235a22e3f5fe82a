"""A fitted way to shorten or weigh a descriptor, and what it was fitted on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LayerWeighting", "Projection", "Reduction", "Selection", "aggregate"]


def aggregate(vectors: NDArray[np.float32], regions: NDArray[np.int64]) -> NDArray[np.float32]:
    """One vector an image: the L2-normalised sum of its regions (Tolias et al. 2016).

    Args:
        vectors: Of all regions of n images, (sum of regions, d).
        regions: How many each image has, at least one, (n,).

    Returns:
        (n, d).
    """
    return _unit(np.add.reduceat(vectors, np.cumsum(regions) - regions))


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1), dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class Reduction(ABC):
    """Where a shorter descriptor comes from."""

    name: str
    method: str
    """`pfa`, `whitening`, `weights`, or one of the controls `random` and `variance`."""

    recipe: str
    features_in: int
    """Length of the whole descriptor, or of one region's."""

    seed: int
    samples: int
    """Number of descriptors it was fitted on."""

    fitted_on: str
    """The collection they came from."""

    fingerprint: str
    """Of the descriptors."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Length of the shortened descriptor."""

    @abstractmethod
    def apply(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Shorten descriptors, (n, features_in) -> (n, dimension)."""


@dataclass(frozen=True, kw_only=True)
class Selection(Reduction):
    """Some of the features, as they are."""

    indices: tuple[int, ...]
    """The features kept, distinct and sorted."""

    retained_variance: float | None = None
    components: int | None = None
    """Number q of principal axes."""

    explained_variance: float | None = None
    """Share of the variance on these axes."""

    absolute: bool | None = None

    variances: tuple[float, ...] | None = None
    """Share of the variance on each of the axes, decreasing, of all `features_in`."""

    stability: float | None = None
    """See `osrmac.reduction.stability.mean_overlap`: of the features kept with this seed and with some others."""

    @property
    def dimension(self) -> int:
        """Number of features kept."""
        return len(self.indices)

    def apply(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """The kept features, (..., features_in) -> (..., dimension)."""
        return np.ascontiguousarray(vectors[..., self.indices])


@dataclass(frozen=True, kw_only=True, eq=False)
class Projection(Reduction):
    """Scaled principal axes; the result is L2-normalised."""

    axes: NDArray[np.float64]
    """(dimension, features_in)."""

    offsets: NDArray[np.float64]
    """Where the mean of the samples lies on them, (dimension,)."""

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.axes)

    def apply(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Projections of unit L2 norm, (n, features_in) -> (n, dimension)."""
        return _unit(vectors @ self.axes.T - self.offsets)


@dataclass(frozen=True, kw_only=True)
class LayerWeighting(Reduction):
    """What each tap adds, scaled by a weight of its own (Li et al. 2017); the length stays."""

    weights: tuple[float, ...]
    """One a tap."""

    parts: tuple[int, ...]
    """Lengths of what they scale."""

    @property
    def dimension(self) -> int:
        """That of the whole descriptor."""
        return self.features_in

    def apply(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scaled descriptors, (..., features_in) -> the same."""
        return vectors * np.repeat(np.array(self.weights, np.float32), self.parts)
