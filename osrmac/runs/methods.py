"""The methods that a run can be scored and searched by: a recipe, with or without a reduction, and how images match."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from osrmac.errors import ConfigError
from osrmac.reduction.base import Projection, Reduction, Selection
from osrmac.reduction.baselines import random_features
from osrmac.runs.reductions.reduced_reader import digest
from osrmac.runs.reductions.search_method import longest_pfa
from osrmac.runs.reductions.stored import digests, load_reductions
from osrmac.storage.run import Run

__all__ = ["Method", "choose_method", "list_methods", "method_digests"]

_GLOBAL, _LOCAL = "osrmac", "osrmac_local"
_WITH_LOCAL = "+cam"
_BEST_REGION = "+match"
_LABELS = {
    "leverage": "leverage",
    "leverage-centred": "leverage, centred",
    "pfa": "PFA",
    "random": "random choice",
    "variance": "top variance",
    "whitening": "PCA-whitening",
    "projection": "projection",
    "weights": "layer weights",
}
"""Labels of the kinds of reduction."""

_RANDOM_SEEDS = 20
"""Number of random selections over which the score of a random choice is averaged."""


@dataclass(frozen=True)
class Method:
    """A way to compare images.

    Attributes:
        name: Name of the recipe or reduction, followed by `+cam` where local descriptors are compared too, or by
            `+match` where regions are.
        label: The method in words.
        recipes: Recipes that are compared; of their distances the smallest counts (paper, section 4.1).
        reduction: Reduction of each recipe's descriptors, if any.
        regional: Whether the recipe has a vector for each region, which are reduced and summed as they are read.
        seeds: Number of random selections over which the score is averaged; 1 for all but a random choice.
        best_region: Whether the regions of an image are not summed but compared with the query, of which the sum stands
            for the object looked for; the nearest region counts. This is region matching as by Razavian et al. (2014)
            and Tolias et al. (2016, section 4), with the regions of R-MAC as the candidates.
    """

    name: str
    label: str
    recipes: tuple[str, ...]
    reduction: Reduction | None = None
    regional: bool = False
    seeds: int = 1
    best_region: bool = False

    @property
    def digest(self) -> str | None:
        """Digest of the reduction; None without one."""
        return None if self.reduction is None else digest(self.reduction)

    @property
    def on_reading(self) -> Reduction | None:
        """Reduction to apply shard by shard, because the regions of all images are too large for the memory."""
        return self.reduction if self.regional else None

    def draws(self) -> list[Method]:
        """Return the method itself, or those of all random selections whose mean score is that of a random choice."""
        chosen = self.reduction
        if not isinstance(chosen, Selection) or self.seeds == 1:
            return [self]
        seeds = range(chosen.seed, chosen.seed + self.seeds)
        return [replace(self, reduction=_drawn_again(chosen, seed)) for seed in seeds]

    def reduce(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the vectors that are compared, (n, k), from those that were read, (n, d)."""
        return vectors if self.reduction is None or self.regional else self.reduction.apply(vectors)


def _drawn_again(chosen: Selection, seed: int) -> Selection:
    indices = random_features(chosen.features_in, chosen.dimension, seed)
    return replace(chosen, seed=seed, indices=tuple(indices.tolist()))


def list_methods(run: Run) -> list[Method]:
    """Return all methods that a run has the descriptors for, in the order of its recipes.

    Raises:
        StorageError: There is no run.
    """
    reductions = load_reductions(run)
    identity = run.identity()
    return [
        method
        for recipe in identity.dimensions
        for method in _methods_of(
            recipe,
            [reduction for reduction in reductions if reduction.recipe == recipe],
            regional=recipe in identity.regional,
            local=recipe == _GLOBAL and _LOCAL in identity.dimensions,
        )
    ]


def _methods_of(recipe: str, reductions: list[Reduction], *, regional: bool, local: bool) -> list[Method]:
    if regional:
        return _regional_methods(recipe, reductions)
    methods = [
        Method(recipe, recipe, (recipe,)),
        *(
            Method(
                by.name, f"{recipe} + {_label(by)}", (recipe,), by, seeds=_RANDOM_SEEDS if by.method == "random" else 1
            )
            for by in reductions
        ),
    ]
    if local:
        methods += [
            replace(method, name=method.name + _WITH_LOCAL, label=f"{method.label} + CAM", recipes=(_GLOBAL, _LOCAL))
            for method in methods
        ]
    return methods


def _label(reduction: Reduction) -> str:
    label = _LABELS[reduction.method]
    power = reduction.power if isinstance(reduction, Projection) else None
    return label if power is None else f"{label}, power {power:g}"


def _regional_methods(recipe: str, reductions: list[Reduction]) -> list[Method]:
    """Return the methods of a recipe of regions: those that sum them need a reduction, those that match them do not."""
    label = recipe.removesuffix("_regions")
    sums = [
        Method(reduction.name, f"{label} + whitening per region", (recipe,), reduction, regional=True)
        for reduction in reductions
    ]
    matches = [
        replace(method, name=method.name + _BEST_REGION, label=f"{method.label} + region match", best_region=True)
        for method in (Method(recipe, label, (recipe,), regional=True), *sums)
    ]
    return [*sums, *matches]


def method_digests(run: Run) -> dict[str, str]:
    """Return the digest of the present reduction of each method that has one, by the name of the method."""
    suffixes = ("", _WITH_LOCAL, _BEST_REGION)
    return {name + suffix: digest for name, digest in digests(run).items() for suffix in suffixes}


def choose_method(run: Run, name: str | None, *, local: bool = True, regions: bool = False) -> Method:
    """Return the method of a name, or the one that is used by default.

    The default compares `osrmac`, or else the first recipe, reduced as was decided when its reductions were fitted (see
    `osrmac.runs.reductions.search_method`), with local descriptors if there are any. Regions are matched only where
    there is nothing else.

    Args:
        run: Run with descriptors.
        name: Name of a method, as in an evaluation; None for the default.
        local: Whether the method may compare local descriptors, which give an image two vectors.
        regions: Whether the method may match regions, of which an image has many.

    Raises:
        ConfigError: The run has no such method.
    """
    methods = [
        method
        for method in list_methods(run)
        if (local or len(method.recipes) == 1) and (regions or not method.best_region)
    ]
    if not methods:
        raise ConfigError(f"{run.url} has only vectors of regions: whiten and sum them with osrmac fit --whitening")
    if name is not None:
        named = [method for method in methods if method.name == name]
        if not named:
            names = ", ".join(method.name for method in methods)
            raise ConfigError(f"no method {name} in {run.url}: choose from {names}")
        return named[0]
    recipes = [method.recipes[0] for method in methods]
    recipe = _GLOBAL if _GLOBAL in recipes else recipes[0]
    candidates = [method for method in methods if method.recipes[0] == recipe]
    decided = run.search_methods().get(recipe)
    if decided is None:
        pfa = longest_pfa(method.reduction for method in candidates if method.reduction is not None)
        decided = recipe if pfa is None else pfa.name
    return max(candidates, key=lambda method: _preference(method, decided))


def _preference(method: Method, decided: str) -> tuple[bool, bool, bool, int, int]:
    """Prefer the method that was decided on; where it is missing, the whole descriptor, then the longest vectors."""
    reduction = method.reduction
    return (
        not method.best_region,
        method.name.removesuffix(_WITH_LOCAL) == decided,
        reduction is None,
        0 if reduction is None else reduction.dimension,
        len(method.recipes),
    )
