"""PCA-whitening: the axes of largest variance, each scaled to the same variance (Jegou and Chum 2012)."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from osrmac.reduction.moments import Moments

__all__ = ["PCAWhitening"]


class PCAWhitening(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Project centred vectors on principal axes, divide by a power of their spread, and L2-normalise.

    Args:
        n_components: Axes to keep, k; None for a quarter of the features.
        power: Of the eigenvalues that the axes are multiplied with: -0.5 whitens, -0.25 half whitens.

    Attributes:
        mean_: Of the samples, float64, (d,).
        components_: The scaled axes, float64, (k, d).
    """

    def __init__(self, n_components: int | None = None, *, power: float = -0.5) -> None:
        self.n_components = n_components
        self.power = power

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: N803, ARG002
        """Fit to samples, (n, d).

        Raises:
            ValueError: As `fit_moments` does.
        """
        samples = validate_data(self, X, dtype=(np.float64, np.float32), ensure_min_samples=2)
        return self._fit(Moments.of(samples))

    def fit_moments(self, moments: Moments) -> Self:
        """Fit to the moments of any number of samples.

        Raises:
            ValueError: More axes are asked for than the samples vary along.
        """
        self.n_features_in_ = len(moments.mean)
        return self._fit(moments)

    def _fit(self, moments: Moments) -> Self:
        features = len(moments.mean)
        kept = self.n_components if self.n_components is not None else max(1, features // 4)
        values, axes = moments.principal_axes
        if not 1 <= kept <= moments.rank:
            raise ValueError(
                f"cannot whiten {kept} axes: {moments.count} samples of {features} features vary along {moments.rank}"
            )
        self.mean_ = moments.mean
        self.components_ = (axes[:, :kept] * values[:kept] ** self.power).T
        return self

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def transform(self, X: ArrayLike) -> NDArray[np.floating]:  # noqa: N803
        """Whitened vectors of unit L2 norm, (n, d) -> (n, k); the zero vector for the mean itself."""
        check_is_fitted(self)
        samples = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        projected = (samples - self.mean_) @ self.components_.T
        norms = np.linalg.norm(projected, axis=1, keepdims=True)
        return np.asarray(projected / np.where(norms > 0, norms, 1), dtype=samples.dtype)
