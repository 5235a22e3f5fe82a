"""PCA-whitening (Jegou and Chum 2012): the axes of largest variance, scaled to equal variance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from osrmac.reduction.base import l2_normalize
from osrmac.reduction.incremental import MomentsEstimator
from osrmac.reduction.moments import Moments

__all__ = ["PCAWhitening"]


class PCAWhitening(ClassNamePrefixFeaturesOutMixin, TransformerMixin, MomentsEstimator[NDArray[np.float64]]):
    """Project centred vectors on principal axes scaled by a power of their eigenvalues, and L2-normalise.

    Fitting needs samples that vary along at least k axes, else it raises ValueError.

    Args:
        n_components: Number of axes to keep, k; None for a quarter of the features.
        power: Power of the eigenvalues that scales the axes: -0.5 whitens, -0.25 half-whitens.
    """

    def __init__(self, n_components: int | None = None, *, power: float = -0.5) -> None:
        self.n_components = n_components
        self.power = power

    @property
    def mean_(self) -> NDArray[np.float64]:
        """Mean of the samples, (d,)."""
        return self.moments_.mean

    @property
    def components_(self) -> NDArray[np.float64]:
        """Scaled axes, (k, d)."""
        return self._solution

    def _solve(self, moments: Moments) -> NDArray[np.float64]:
        features = len(moments.mean)
        kept = self.n_components if self.n_components is not None else max(1, features // 4)
        values, axes = moments.principal_axes
        if not 1 <= kept <= moments.rank:
            raise ValueError(
                f"cannot whiten {kept} axes: {moments.count} samples of {features} features vary along {moments.rank}"
            )
        return np.asarray((axes[:, :kept] * values[:kept] ** self.power).T)

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def transform(self, X: ArrayLike) -> NDArray[np.floating]:  # noqa: N803
        """Return whitened vectors of unit L2 norm, (n, d) -> (n, k); the mean itself becomes the zero vector."""
        check_is_fitted(self)
        samples = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        return l2_normalize((samples - self.mean_) @ self.components_.T).astype(samples.dtype)
