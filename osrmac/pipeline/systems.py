"""What a run can be scored as: each recipe, whole or shortened, with or without local descriptors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osrmac.pipeline.shortenings import shortenings
from osrmac.selection.selection import Shortening
from osrmac.storage.run import Run

__all__ = ["System", "systems"]

_GLOBAL, _LOCAL = "osrmac", "osrmac_local"
_METHODS = {"pfa": "PFA", "random": "random choice", "variance": "top variance", "whitening": "PCA-whitening"}


@dataclass(frozen=True)
class System:
    """How images are compared.

    Attributes:
        name: Of the recipe or shortening; with `+cam` where local descriptors count too.
        label: The same in words.
        recipes: Descriptors compared; of their distances the smallest counts (paper, section 4.1).
        shortening: Applied to each of them, or None.
    """

    name: str
    label: str
    recipes: tuple[str, ...]
    shortening: Shortening | None = None

    def shorten(self, whole: NDArray[np.float32]) -> NDArray[np.float32]:
        """The vectors that are compared, (n, d) -> (n, k)."""
        return whole if self.shortening is None else self.shortening.apply(whole)


def systems(run: Run) -> list[System]:
    """Every system that the run has the descriptors for, in the order of its recipes."""
    found = []
    fitted = shortenings(run)
    recipes = list(run.identity().dimensions)
    for recipe in recipes:
        of_recipe = [System(recipe, recipe, (recipe,)), *(_shortened(each) for each in fitted if each.recipe == recipe)]
        found += of_recipe
        if recipe == _GLOBAL and _LOCAL in recipes:
            found += [System(f"{s.name}+cam", f"{s.label} + CAM", (_GLOBAL, _LOCAL), s.shortening) for s in of_recipe]
    return found


def _shortened(by: Shortening) -> System:
    return System(by.name, f"{by.recipe} + {_METHODS[by.method]}", (by.recipe,), by)
