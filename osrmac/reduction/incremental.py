"""Base class of estimators that are fitted to moments, at once or batch by batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Generic, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from osrmac.reduction.moments import Moments

__all__ = ["MomentsEstimator"]

_Solution = TypeVar("_Solution")
_DTYPES = (np.float64, np.float32)


class MomentsEstimator(BaseEstimator, ABC, Generic[_Solution]):
    """Scikit-learn estimator that learns from the count, mean and covariance of the samples alone.

    `partial_fit` only accumulates moments, which are exact however the samples are divided into batches. The
    problem is solved when a learned attribute is first used after it, so a batch may have a single sample, and
    errors about the samples as a whole are raised at that first use. `fit` and `fit_moments` solve at once.

    Attributes:
        moments_: Moments of all samples seen, (d,) and (d, d).
    """

    moments_: Moments
    _MIN_FEATURES = 1

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: N803, ARG002
        """Fit to samples, (n, d), and forget earlier ones.

        Raises:
            ValueError: The samples are not a finite matrix of at least two rows, or as `fit_moments` does.
        """
        samples = validate_data(self, X, dtype=_DTYPES, ensure_min_samples=2, ensure_min_features=self._MIN_FEATURES)
        return self.fit_moments(Moments.of(samples))

    def partial_fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: N803, ARG002
        """Add a batch of samples, (n, d), to those seen since the last `fit`.

        Raises:
            ValueError: The samples are not a finite matrix, or d differs from that of earlier batches.
        """
        seen = self.__dict__.get("moments_")
        batch = Moments.of(validate_data(self, X, dtype=_DTYPES, reset=seen is None))
        self.moments_ = batch if seen is None else seen + batch
        self.__dict__.pop("_solution", None)
        return self

    def fit_moments(self, moments: Moments) -> Self:
        """Fit to the moments of samples, and forget earlier ones.

        Raises:
            ValueError: The parameters of the estimator do not fit the moments.
        """
        self._solution = self._solve(moments)
        self.moments_ = moments
        self.n_features_in_ = len(moments.mean)
        return self

    @cached_property
    def _solution(self) -> _Solution:
        check_is_fitted(self, "moments_")
        return self._solve(self.moments_)

    @abstractmethod
    def _solve(self, moments: Moments) -> _Solution:
        """Compute what the learned attributes are read from."""
