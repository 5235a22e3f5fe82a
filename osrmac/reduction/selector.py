"""Base class of estimators that select features by their loadings on the principal axes."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted

from osrmac.reduction.incremental import MomentsEstimator
from osrmac.reduction.moments import Moments

__all__ = ["LoadingsSelector"]


class _Choice(NamedTuple):
    indices: NDArray[np.int64]
    loadings: NDArray[np.float64]
    ratios: NDArray[np.float64]


class LoadingsSelector(SelectorMixin, MomentsEstimator[_Choice]):
    """Select k features by the rows of A_q, the first q eigenvectors of the covariance as columns, one row a feature.

    Fitting raises ValueError if there are fewer than k features, if the samples do not vary, or if the variance to
    retain needs all axes: see `Moments.loadings`.

    Attributes:
        n_features_to_select: Number of features to keep, k; None for a quarter of them.
        retained_variance: q is the smallest number of axes that retains this share of the variance, in (0, 1).
    """

    _MIN_FEATURES = 2

    n_features_to_select: int | None
    retained_variance: float

    @property
    def indices_(self) -> NDArray[np.int64]:
        """The k features kept, distinct and ascending."""
        return self._solution.indices

    @property
    def n_components_(self) -> int:
        """Number of principal axes used, q."""
        return self._solution.loadings.shape[1]

    @property
    def explained_variance_ratio_(self) -> NDArray[np.float64]:
        """Share of the variance on each principal axis, decreasing, (d,)."""
        return self._solution.ratios

    def _solve(self, moments: Moments) -> _Choice:
        features = len(moments.mean)
        kept = self.n_features_to_select if self.n_features_to_select is not None else max(1, features // 4)
        if not 1 <= kept <= features:
            raise ValueError(f"cannot select {kept} of {features} features")
        loadings, ratios = moments.loadings(self.retained_variance)
        return _Choice(np.sort(self._select(loadings, kept)), loadings, ratios)

    @abstractmethod
    def _select(self, loadings: NDArray[np.float64], kept: int) -> NDArray[np.int64]:
        """Return the indices of `kept` distinct rows of the loadings, (d, q), in any order."""

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        mask = np.zeros(self.n_features_in_, dtype=bool)
        mask[self.indices_] = True
        return mask
