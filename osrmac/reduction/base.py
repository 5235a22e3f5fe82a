"""Fitted reductions as stored in a run: what they do to a descriptor, and what they were fitted on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from osrmac.types import Matrix

__all__ = [
    "WHITENS",
    "LayerWeighting",
    "Projection",
    "Reduction",
    "Selection",
    "aggregate",
    "l2_normalize",
    "reduction_name",
]

WHITENS = -0.5
"""Power of the eigenvalues that gives all axes equal variance."""

_Float = TypeVar("_Float", bound=np.floating)


def l2_normalize(vectors: NDArray[_Float]) -> NDArray[_Float]:
    """Return vectors divided by their L2 norm, (..., d); vectors of zeros stay."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1), vectors.dtype)


def reduction_name(recipe: str, method: str, size: int, power: float = WHITENS) -> str:
    """Return the name of a reduction, unique within a run; that of a whitening tells any other power than -0.5.

    >>> reduction_name("osrmac", "whitening", 128, power=-0.25)
    'osrmac-whitening-0.25-128'
    """
    return f"{recipe}-{method}{f'-{-power:g}' if method == 'whitening' and power != WHITENS else ''}-{size}"


def aggregate(vectors: Matrix, regions: NDArray[np.int64]) -> Matrix:
    """Return the L2-normalised sum of the region vectors of each image, (n, d) (Tolias et al. 2016, section 3.2).

    Args:
        vectors: Region vectors of n images, one image after the other, (sum of regions, d).
        regions: Number of regions of each image, at least one, (n,).
    """
    return l2_normalize(np.add.reduceat(vectors, np.cumsum(regions) - regions))


@dataclass(frozen=True, kw_only=True, eq=False)
class Reduction(ABC):
    """A fitted map from descriptors to shorter or weighted ones.

    Attributes:
        name: Unique name within the run.
        method: `leverage`, `leverage-centred`, `pfa`, `whitening`, `projection`, `weights`, or one of the controls
            `random` and `variance`.
        recipe: Recipe of the descriptors.
        features_in: Length of a descriptor, or of one region's vector.
        seed: Seed of the method.
        samples: Number of descriptors it was fitted on.
        fitted_on: Collection that they come from.
        fingerprint: Fingerprint of the descriptors.
    """

    name: str
    method: str
    recipe: str
    features_in: int
    seed: int
    samples: int
    fitted_on: str
    fingerprint: str

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Length of the reduced descriptor."""

    @abstractmethod
    def apply(self, vectors: Matrix) -> Matrix:
        """Reduce descriptors, (n, features_in) -> (n, dimension)."""


@dataclass(frozen=True, kw_only=True)
class Selection(Reduction):
    """A subset of the features, unchanged or scaled to unit L2 norm. The controls fill no field after `indices`.

    Attributes:
        indices: Features kept, distinct and ascending.
        unit_length: Whether a vector is divided by its L2 norm; None stands for False.
        mean: Mean of the features kept, which is subtracted before that; None if nothing is subtracted.
        retained_variance: Share of the variance that the first q principal axes must retain.
        components: Number of principal axes, q.
        explained_variance: Share of the variance that these axes retain.
        absolute: Whether absolute loadings were clustered; None for leverage.
        variances: Share of the variance on each of the `features_in` axes, decreasing.
        stability: Mean Jaccard index of the selections of several seeds; see `osrmac.reduction.stability`.
    """

    indices: tuple[int, ...]
    unit_length: bool | None = None
    mean: tuple[float, ...] | None = None
    retained_variance: float | None = None
    components: int | None = None
    explained_variance: float | None = None
    absolute: bool | None = None
    variances: tuple[float, ...] | None = None
    stability: float | None = None

    @property
    def dimension(self) -> int:
        """Number of features kept."""
        return len(self.indices)

    def apply(self, vectors: Matrix) -> Matrix:
        """Return the features kept, (..., features_in) -> (..., dimension)."""
        kept = np.ascontiguousarray(vectors[..., self.indices])
        if self.mean is not None:
            kept = kept - np.array(self.mean, np.float32)
        return l2_normalize(kept) if self.unit_length else kept


@dataclass(frozen=True, kw_only=True, eq=False)
class Projection(Reduction):
    """A linear map, followed by L2 normalisation: PCA-whitening, or a projection that was fitted elsewhere.

    Attributes:
        axes: Rows of the map, such as scaled principal axes, (dimension, features_in).
        offsets: Values to subtract, such as the projection of the samples' mean, (dimension,).
        power: Power of the eigenvalues that scales principal axes; None for -0.5, and for a projection of others.
    """

    axes: NDArray[np.float64]
    offsets: NDArray[np.float64]
    power: float | None = None

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.axes)

    def apply(self, vectors: Matrix) -> Matrix:
        """Return projections of unit L2 norm, (n, features_in) -> (n, dimension)."""
        return l2_normalize(vectors @ self.axes.T - self.offsets).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class LayerWeighting(Reduction):
    """One weight for the part of each layer (Li et al. 2017); the length stays.

    Attributes:
        weights: Weight of each layer.
        parts: Length of each layer's part of the descriptor.
    """

    weights: tuple[float, ...]
    parts: tuple[int, ...]

    @property
    def dimension(self) -> int:
        """Length of the descriptor."""
        return self.features_in

    def apply(self, vectors: Matrix) -> Matrix:
        """Return weighted descriptors, (..., features_in) -> (..., features_in)."""
        return vectors * np.repeat(np.array(self.weights, np.float32), self.parts)
