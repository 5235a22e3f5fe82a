"""What a run can be scored as: each recipe, whole or shortened, with or without local descriptors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osrmac.errors import ConfigError
from osrmac.reduction.base import Reduction
from osrmac.runs.reductions import load_reductions
from osrmac.storage.run import Run

__all__ = ["Method", "choose_method", "list_methods"]

_GLOBAL, _LOCAL = "osrmac", "osrmac_local"
_METHODS = {
    "pfa": "PFA",
    "random": "random choice",
    "variance": "top variance",
    "whitening": "PCA-whitening",
    "weights": "layer weights",
}


@dataclass(frozen=True)
class Method:
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
    reduction: Reduction | None = None
    regional: bool = False

    @property
    def on_reading(self) -> Reduction | None:
        """What shortens the descriptors shard by shard, because whole they are too large."""
        return self.reduction if self.regional else None

    def reduce(self, read: NDArray[np.float32]) -> NDArray[np.float32]:
        """The vectors that are compared, (n, d) -> (n, k), from what was read."""
        return read if self.reduction is None or self.regional else self.reduction.apply(read)


def list_methods(run: Run) -> list[Method]:
    """Every system that the run has the descriptors for, in the order of its recipes."""
    found = []
    fitted = load_reductions(run)
    identity = run.identity()
    recipes = list(identity.dimensions)
    for recipe in recipes:
        if recipe in identity.regional:
            found += [_per_region(each) for each in fitted if each.recipe == recipe]
            continue
        of_recipe = [Method(recipe, recipe, (recipe,)), *(_reduced(each) for each in fitted if each.recipe == recipe)]
        found += of_recipe
        if recipe == _GLOBAL and _LOCAL in recipes:
            found += [Method(f"{s.name}+cam", f"{s.label} + CAM", (_GLOBAL, _LOCAL), s.reduction) for s in of_recipe]
    return found


def _per_region(by: Reduction) -> Method:
    label = f"{by.recipe.removesuffix('_regions')} + whitening per region"
    return Method(by.name, label, (by.recipe,), by, regional=True)


def _reduced(by: Reduction) -> Method:
    return Method(by.name, f"{by.recipe} + {_METHODS[by.method]}", (by.recipe,), by)


def choose_method(run: Run, name: str | None, *, local: bool = True) -> Method:
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
    known = [method for method in list_methods(run) if local or len(method.recipes) == 1]
    if name is not None:
        named = [method for method in known if method.name == name]
        if not named:
            raise ConfigError(f"no system {name} in {run.url}: choose from {', '.join(each.name for each in known)}")
        return named[0]
    if not known:
        raise ConfigError(f"{run.url} has nothing but regions: whiten and sum them with osrmac fit --whitening")
    recipes = [method.recipes[0] for method in known]
    recipe = "osrmac" if "osrmac" in recipes else recipes[0]
    return max((method for method in known if method.recipes[0] == recipe), key=_rank)


def _rank(method: Method) -> tuple[bool, bool, int, int]:
    by = method.reduction
    return by is not None and by.method == "pfa", by is None, by.dimension if by else 0, len(method.recipes)
