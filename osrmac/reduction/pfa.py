"""Principal Feature Analysis (Lu et al. 2007; the paper, section 3.4, "Feature selection")."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from osrmac.reduction.selector import LoadingsSelector

__all__ = ["PrincipalFeatureAnalysis"]

_RESTARTS = 10


class PrincipalFeatureAnalysis(LoadingsSelector):
    """Select one feature from each cluster of features with similar loadings on the principal axes.

    Row i of A_q, the first q eigenvectors of the covariance as columns, holds the loadings of feature i. k-means
    clusters the rows; the feature nearest the centre of each cluster is kept.

    Fitting raises ValueError as `LoadingsSelector` does: with q = d, every feature is equally far from every other.

    Args:
        n_features_to_select: Number of features to keep, k; None for a quarter of them.
        retained_variance: q is the smallest number of axes that retains this share of the variance, in (0, 1).
        absolute: Cluster absolute loadings, as Lu et al. do; the paper's are signed.
        random_state: Seed of the clustering, in any form that scikit-learn accepts.
    """

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

    def _select(self, loadings: NDArray[np.float64], kept: int) -> NDArray[np.int64]:
        random_state = check_random_state(self.random_state)
        return _representatives(np.abs(loadings) if self.absolute else loadings, kept, random_state)


def _representatives(
    loadings: NDArray[np.float64], clusters: int, random_state: np.random.RandomState
) -> NDArray[np.int64]:
    """Indices of exactly `clusters` rows: the row nearest the centre of each k-means cluster.

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
    return np.concatenate([chosen, remaining[::-1][: clusters - len(chosen)]])
