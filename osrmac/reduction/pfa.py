"""Principal Feature Analysis (Lu et al. 2007; the paper, section 3.4, "Feature selection")."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from osrmac.reduction.incremental import MomentsEstimator
from osrmac.reduction.moments import Moments

__all__ = ["PrincipalFeatureAnalysis"]

_RESTARTS = 10


class _Choice(NamedTuple):
    indices: NDArray[np.int64]
    components: int
    ratios: NDArray[np.float64]


class PrincipalFeatureAnalysis(SelectorMixin, MomentsEstimator[_Choice]):
    """Select one feature from each cluster of features with similar loadings on the principal axes.

    Row i of A_q, the first q eigenvectors of the covariance as columns, holds the loadings of feature i. k-means
    clusters the rows; the feature nearest the centre of each cluster is kept.

    Fitting raises ValueError if there are fewer than k features, if the samples do not vary, or if the variance to
    retain needs all axes: with q = d, every feature is equally far from every other.

    Args:
        n_features_to_select: Number of features to keep, k; None for a quarter of them.
        retained_variance: q is the smallest number of axes that retains this share of the variance, in (0, 1).
        absolute: Cluster absolute loadings, as Lu et al. do; the paper's are signed.
        random_state: Seed of the clustering, in any form that scikit-learn accepts.
    """

    _MIN_FEATURES = 2

    def __init__(
        self,
        n_features_to_select: int | None = None,
        *,
        retained_variance: float = 0.95,
        absolute: bool = False,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.n_features_to_select = n_features_to_select
        self.retained_variance = retained_variance
        self.absolute = absolute
        self.random_state = random_state

    @property
    def indices_(self) -> NDArray[np.int64]:
        """The k features kept, distinct and ascending."""
        return self._solution.indices

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
        random_state = check_random_state(self.random_state)
        indices = _representatives(np.abs(loadings) if self.absolute else loadings, kept, random_state)
        return _Choice(indices, loadings.shape[1], ratios)

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        mask = np.zeros(self.n_features_in_, dtype=bool)
        mask[self.indices_] = True
        return mask


def _representatives(
    loadings: NDArray[np.float64], clusters: int, random_state: np.random.RandomState
) -> NDArray[np.int64]:
    """Ascending indices of exactly `clusters` rows: the row nearest the centre of each k-means cluster.

    Empty clusters are replaced by the remaining rows farthest from their centres.
    """
    kmeans = KMeans(clusters, n_init=_RESTARTS, random_state=random_state)
    with warnings.catch_warnings():
        # Fewer distinct rows than clusters leave some of them empty.
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = kmeans.fit_predict(loadings)
    to_centre = np.linalg.norm(loadings - kmeans.cluster_centers_[labels], axis=1)
    order = np.lexsort((np.arange(len(labels)), to_centre))
    _, first = np.unique(labels[order], return_index=True)
    chosen = order[first]
    remaining = order[~np.isin(order, chosen)]
    return np.sort(np.concatenate([chosen, remaining[::-1][: clusters - len(chosen)]]))
