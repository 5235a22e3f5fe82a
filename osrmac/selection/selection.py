"""A fitted selection: which features of which descriptor, and what it was fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Selection"]


@dataclass(frozen=True)
class Selection:
    """Everything needed to shorten a descriptor, and to say where the choice came from."""

    name: str
    method: str
    """`pfa`, or one of the controls `random` and `variance`."""

    recipe: str
    indices: tuple[int, ...]
    """The features kept, distinct and sorted."""

    features_in: int
    """Length of the whole descriptor."""

    seed: int
    samples: int
    """Number of descriptors it was fitted on."""

    fitted_on: str
    """The collection they came from."""

    fingerprint: str
    """Of the descriptors."""

    retained_variance: float | None = None
    components: int | None = None
    """Number q of principal axes."""

    explained_variance: float | None = None
    """Share of the variance on these axes."""

    absolute: bool | None = None

    def apply(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """The kept features of descriptors, (..., features_in) -> (..., k)."""
        return vectors[..., self.indices]
