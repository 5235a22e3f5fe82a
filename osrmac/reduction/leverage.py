"""Leverage selection: the features that weigh most in the principal subspace."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from osrmac.reduction.selector import LoadingsSelector

__all__ = ["LeverageSelection"]


class LeverageSelection(LoadingsSelector):
    """Select the features of largest leverage on the principal axes.

    The leverage score of feature i is the squared norm of row i of A_q, the first q eigenvectors of the covariance as
    columns (Mahoney and Drineas, CUR matrix decompositions for improved data analysis, PNAS 2009, equation 3, without
    the constant factor). Principal Feature Analysis clusters the same rows; rows of large norm, far from each other and
    from the crowd near zero, get clusters of their own. Here they are ranked by that norm, without a seed.

    Fitting raises ValueError as `LoadingsSelector` does: with q = d, every leverage score is one.

    Args:
        n_features_to_select: Number of features to keep, k; None for a quarter of them.
        retained_variance: q is the smallest number of axes that retains this share of the variance, in (0, 1).
    """

    def __init__(self, n_features_to_select: int | None = None, *, retained_variance: float = 0.95) -> None:
        self.n_features_to_select = n_features_to_select
        self.retained_variance = retained_variance

    @property
    def scores_(self) -> NDArray[np.float64]:
        """Leverage score of every feature, in 0..1, (d,); their sum is q."""
        return _scores(self._solution.loadings)

    def _select(self, loadings: NDArray[np.float64], kept: int) -> NDArray[np.int64]:
        """Return the features of largest leverage; ties go to the lower index."""
        return np.argsort(-_scores(loadings), kind="stable")[:kept]


def _scores(loadings: NDArray[np.float64]) -> NDArray[np.float64]:
    scores: NDArray[np.float64] = np.square(loadings).sum(axis=1)
    return scores
