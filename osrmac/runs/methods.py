"""What a run can be scored as: each recipe, whole or shortened, with or without local descriptors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osrmac.errors import ConfigError
from osrmac.reduction.base import Shortening
from osrmac.runs.reductions import shortenings
from osrmac.storage.run import Run

__all__ = ["System", "choose", "systems"]

_GLOBAL, _LOCAL = "osrmac", "osrmac_local"
_METHODS = {
    "pfa": "PFA",
    "random": "random choice",
    "variance": "top variance",
    "whitening": "PCA-whitening",
    "weights": "layer weights",
}


@dataclass(frozen=True)
class System:
    """How images are compared.

    Attributes:
        name: Of the recipe or shortening; with `+cam` where local descriptors count too.
        label: The same in words.
        recipes: Descriptors compared; of their distances the smallest counts (paper, section 4.1).
        shortening: Applied to each of them, or None.
        regional: Whether the recipe has a vector for each region, to be shortened and summed where it is read.
    """

    name: str
    label: str
    recipes: tuple[str, ...]
    shortening: Shortening | None = None
    regional: bool = False

    @property
    def on_reading(self) -> Shortening | None:
        """What shortens the descriptors shard by shard, because whole they are too large."""
        return self.shortening if self.regional else None

    def shorten(self, read: NDArray[np.float32]) -> NDArray[np.float32]:
        """The vectors that are compared, (n, d) -> (n, k), from what was read."""
        return read if self.shortening is None or self.regional else self.shortening.apply(read)


def systems(run: Run) -> list[System]:
    """Every system that the run has the descriptors for, in the order of its recipes."""
    found = []
    fitted = shortenings(run)
    identity = run.identity()
    recipes = list(identity.dimensions)
    for recipe in recipes:
        if recipe in identity.regional:
            found += [_per_region(each) for each in fitted if each.recipe == recipe]
            continue
        of_recipe = [System(recipe, recipe, (recipe,)), *(_shortened(each) for each in fitted if each.recipe == recipe)]
        found += of_recipe
        if recipe == _GLOBAL and _LOCAL in recipes:
            found += [System(f"{s.name}+cam", f"{s.label} + CAM", (_GLOBAL, _LOCAL), s.shortening) for s in of_recipe]
    return found


def _per_region(by: Shortening) -> System:
    label = f"{by.recipe.removesuffix('_regions')} + whitening per region"
    return System(by.name, label, (by.recipe,), by, regional=True)


def _shortened(by: Shortening) -> System:
    return System(by.name, f"{by.recipe} + {_METHODS[by.method]}", (by.recipe,), by)


def choose(run: Run, name: str | None, *, local: bool = True) -> System:
    """The system of this name, or the best that the run has.

    That is osrmac or else the first recipe, shortened by its longest Principal Feature Analysis if there is one, with
    local descriptors if there are any.

    Args:
        run: Holds the descriptors.
        name: As in an evaluation, or None.
        local: Whether a system may compare local descriptors too, so that an image has two vectors.

    Raises:
        ConfigError: The run has no such system.
    """
    known = [system for system in systems(run) if local or len(system.recipes) == 1]
    if name is not None:
        named = [system for system in known if system.name == name]
        if not named:
            raise ConfigError(f"no system {name} in {run.url}: choose from {', '.join(each.name for each in known)}")
        return named[0]
    if not known:
        raise ConfigError(f"{run.url} has nothing but regions: whiten and sum them with osrmac fit --whitening")
    recipes = [system.recipes[0] for system in known]
    recipe = "osrmac" if "osrmac" in recipes else recipes[0]
    return max((system for system in known if system.recipes[0] == recipe), key=_rank)


def _rank(system: System) -> tuple[bool, bool, int, int]:
    by = system.shortening
    return by is not None and by.method == "pfa", by is None, by.dimension if by else 0, len(system.recipes)
