"""Principal Feature Analysis (Lu et al. 2007; paper, section 3.4, "Feature selection")."""

from __future__ import annotations

import warnings
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from osrmac.reduction.moments import Moments

__all__ = ["PrincipalFeatureAnalysis"]

_RESTARTS = 10


class PrincipalFeatureAnalysis(SelectorMixin, BaseEstimator):
    """Keep one feature of each cluster of features that load alike on the principal axes.

    The rows of A_q (the first q eigenvectors of the covariance, as columns) are clustered by
    k-means; of each cluster the feature nearest its centre stays.

    Args:
        n_features_to_select: Features to keep, k; None for a quarter of them.
        retained_variance: q is the smallest number of axes that retains this share, in (0, 1).
        absolute: Cluster absolute loadings, as Lu et al. do; the paper's are signed.
        random_state: Seed of the clustering.

    Attributes:
        indices_: The k features kept, distinct and sorted.
        n_components_: q.
        explained_variance_ratio_: Share of the variance on each of the d axes, decreasing.
    """

    def __init__(
        self,
        n_features_to_select: int | None = None,
        *,
        retained_variance: float = 0.95,
        absolute: bool = False,
        random_state: int = 0,
    ) -> None:
        self.n_features_to_select = n_features_to_select
        self.retained_variance = retained_variance
        self.absolute = absolute
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: N803, ARG002
        """Select features from samples, (n, d).

        Raises:
            ValueError: As `fit_moments` does.
        """
        samples = validate_data(self, X, dtype=(np.float64, np.float32), ensure_min_samples=2, ensure_min_features=2)
        return self._fit(Moments.of(samples))

    def fit_moments(self, moments: Moments) -> Self:
        """Select features from the moments of any number of samples.

        Raises:
            ValueError: More features are asked for than there are, the samples do not vary, or
                the variance to retain needs all the axes (q = d, where all features lie equally far apart).
        """
        self.n_features_in_ = len(moments.mean)
        return self._fit(moments)

    def _fit(self, moments: Moments) -> Self:
        features = len(moments.mean)
        kept = self.n_features_to_select if self.n_features_to_select is not None else max(1, features // 4)
        if not 1 <= kept <= features:
            raise ValueError(f"cannot select {kept} of {features} features")
        values, axes = moments.principal_axes
        values = values.clip(0)
        if values[0] == 0:
            raise ValueError("the samples do not vary: nothing distinguishes one feature from another")
        self.explained_variance_ratio_ = values / values.sum()
        self.n_components_ = _smallest_retaining(self.explained_variance_ratio_, self.retained_variance)
        loadings = axes[:, : self.n_components_]
        self.indices_ = _representatives(np.abs(loadings) if self.absolute else loadings, kept, self.random_state)
        return self

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        mask = np.zeros(self.n_features_in_, dtype=bool)
        mask[self.indices_] = True
        return mask


def _smallest_retaining(ratios: NDArray[np.float64], share: float) -> int:
    if not 0 < share < 1:
        raise ValueError(f"retained_variance must lie between 0 and 1, not {share}")
    axes = int(np.searchsorted(ratios.cumsum(), share)) + 1
    if axes >= len(ratios):
        raise ValueError(
            f"retaining {100 * share:g}% of the variance needs all of the {len(ratios)} axes, and then every "
            "feature is equally far from every other: retain less variance"
        )
    return axes


def _representatives(loadings: NDArray[np.float64], clusters: int, seed: int) -> NDArray[np.int64]:
    """Indices of exactly `clusters` rows: of each k-means cluster the row nearest its centre."""
    kmeans = KMeans(clusters, n_init=_RESTARTS, random_state=seed)
    with warnings.catch_warnings():
        # Fewer distinct rows than clusters leave some empty; they are filled below.
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = kmeans.fit_predict(loadings)
    to_centre = np.linalg.norm(loadings - kmeans.cluster_centers_[labels], axis=1)
    order = np.lexsort((np.arange(len(labels)), to_centre))
    _, first = np.unique(labels[order], return_index=True)
    chosen = order[first]
    rest = order[~np.isin(order, chosen)]
    return np.sort(np.concatenate([chosen, rest[::-1][: clusters - len(chosen)]]))
