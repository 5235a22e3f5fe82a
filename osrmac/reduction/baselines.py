"""Control selections: a random choice, and the features of largest variance."""

import numpy as np
from numpy.typing import NDArray

from osrmac.reduction.moments import Moments

__all__ = ["random_features", "top_variance_features"]


def random_features(features: int, kept: int, seed: int) -> NDArray[np.int64]:
    """Return the ascending indices of a uniformly random choice of features."""
    return np.sort(np.random.default_rng(seed).choice(features, kept, replace=False))


def top_variance_features(moments: Moments, kept: int) -> NDArray[np.int64]:
    """Return the ascending indices of the features of largest variance; ties go to the lower index."""
    variance = np.diag(moments.scatter)
    return np.sort(np.argsort(-variance, kind="stable")[:kept])
