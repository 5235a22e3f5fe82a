"""The method that a search uses by default: decided when reductions are fitted, and kept until they are refitted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from osrmac.reduction.base import Reduction
from osrmac.reduction.sample_size import shortage

__all__ = ["decide", "longest_pfa"]

_ORDER = ("leverage", "pfa")
"""Methods that a search may use by default, the preferred one first."""


def decide(
    recipe: str,
    before: Iterable[Reduction],
    now: Iterable[Reduction],
    recorded: Mapping[str, str],
    *,
    refit: bool = False,
) -> str:
    """Return the name of the method to search by: a reduction, or the recipe itself for the whole descriptor.

    An earlier decision is kept unless the reductions are refitted. A run of an early version has none, and its searches
    used the longest PFA. Otherwise it is the longest leverage selection, or else the longest PFA, of those that were
    fitted on enough samples; see `osrmac.reduction.sample_size`.

    Args:
        recipe: Recipe whose reductions were fitted.
        before: Reductions that the run had before.
        now: Reductions that it has now.
        recorded: Earlier decision for each recipe.
        refit: Whether the options ask for a new decision.
    """
    if not refit and recipe in recorded:
        return recorded[recipe]
    earlier = longest_pfa(found for found in before if found.recipe == recipe)
    if not refit and earlier is not None:
        return earlier.name
    candidates = [found for found in now if found.recipe == recipe and found.method in _ORDER and not shortage(found)]
    best = max(candidates, key=lambda found: (-_ORDER.index(found.method), found.dimension), default=None)
    return recipe if best is None else best.name


def longest_pfa(reductions: Iterable[Reduction]) -> Reduction | None:
    """Return the PFA of most features, if there is any."""
    by_pfa = (found for found in reductions if found.method == "pfa")
    return max(by_pfa, key=lambda found: found.dimension, default=None)
