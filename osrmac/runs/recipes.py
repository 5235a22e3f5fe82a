"""The recipe that a reduction is fitted on, and the run that holds the samples."""

from __future__ import annotations

from osrmac.errors import ConfigError
from osrmac.storage.run import Identity, Run

__all__ = ["settled_recipe", "training_run"]


def training_run(run: Run, other: str | None) -> Run:
    """Return the run whose descriptors a reduction is fitted on.

    Args:
        run: Run that the reduction is for.
        other: URL of another run of the same identity; None for the run itself.

    Raises:
        StorageError: There is no such run, or it was made with other settings.
    """
    if other is None:
        return run
    training = Run(other)
    training.require(run.identity(), "fit on a run that was made with the same ones")
    return training


def settled_recipe(identity: Identity, recipe: str | None) -> str:
    """Return the recipe to reduce: the given one, otherwise `osrmac`, otherwise the only one.

    Regional recipes are considered only where the run has no others.

    Args:
        identity: Identity of the run's descriptors.
        recipe: Name of a recipe, or None.

    Raises:
        ConfigError: The run does not have the recipe, or has several and none of them is `osrmac`.
    """
    available = list(identity.dimensions)
    if recipe is None:
        candidates = [name for name in available if name not in identity.regional] or available
        recipe = "osrmac" if "osrmac" in candidates else candidates[0]
        if recipe != "osrmac" and len(candidates) > 1:
            raise ConfigError(f"the run has {', '.join(available)}: choose one of them with --recipe")
    if recipe not in available:
        raise ConfigError(f"the run has no recipe '{recipe}', only {', '.join(available)}")
    return recipe
