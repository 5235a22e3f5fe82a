"""Leverage selection: the features that weigh most in the principal subspace."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted

from osrmac.reduction.incremental import MomentsEstimator
from osrmac.reduction.moments import Moments

__all__ = ["LeverageSelection"]


class _Choice(NamedTuple):
    indices: NDArray[np.int64]
    scores: NDArray[np.float64]
    components: int
    ratios: NDArray[np.float64]


class LeverageSelection(SelectorMixin, MomentsEstimator[_Choice]):
    """Select the features of largest leverage on the principal axes.

    The leverage score of feature i is the squared norm of row i of A_q, the first q eigenvectors of the covariance as
    columns (Mahoney and Drineas, CUR matrix decompositions for improved data analysis, PNAS 2009, equation 3, without
    the constant factor). Principal Feature Analysis clusters the same rows; rows of large norm, far from each other and
    from the crowd near zero, get clusters of their own. Here they are ranked by that norm, without a seed.

    Fitting raises ValueError if there are fewer than k features, if the samples do not vary, or if the variance to
    retain needs all axes: with q = d, every leverage score is one.

    Args:
        n_features_to_select: Number of features to keep, k; None for a quarter of them.
        retained_variance: q is the smallest number of axes that retains this share of the variance, in (0, 1).
    """

    _MIN_FEATURES = 2

    def __init__(self, n_features_to_select: int | None = None, *, retained_variance: float = 0.95) -> None:
        self.n_features_to_select = n_features_to_select
        self.retained_variance = retained_variance

    @property
    def indices_(self) -> NDArray[np.int64]:
        """The k features of largest leverage, distinct and ascending; ties go to the lower index."""
        return self._solution.indices

    @property
    def scores_(self) -> NDArray[np.float64]:
        """Leverage score of every feature, in 0..1, (d,); their sum is q."""
        return self._solution.scores

    @property
    def n_components_(self) -> int:
        """Number of principal axes used, q."""
        return self._solution.components

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
        scores = np.square(loadings).sum(axis=1)
        indices = np.sort(np.argsort(-scores, kind="stable")[:kept])
        return _Choice(indices, scores, loadings.shape[1], ratios)

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        mask = np.zeros(self.n_features_in_, dtype=bool)
        mask[self.indices_] = True
        return mask
