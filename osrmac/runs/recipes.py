"""Which recipe, and which run, a reduction is fitted on."""

from __future__ import annotations

from osrmac.errors import ConfigError
from osrmac.storage.run import Identity, Run

__all__ = ["settled_recipe", "training_run"]


def training_run(run: Run, other: str | None) -> Run:
    """The run whose descriptors are fitted on: the run itself, or another one with the same settings.

    Raises:
        StorageError: No run there, or one with other settings.
    """
    if other is None:
        return run
    training = Run(other)
    training.require(run.identity(), "fit on a run that was made with the same ones")
    return training


def settled_recipe(identity: Identity, asked: str | None) -> str:
    """The recipe to shorten: the one asked for, else osrmac, else the only one, those of regions left aside.

    Raises:
        ConfigError: The run does not have it, or has several and none is osrmac.
    """
    there = list(identity.dimensions)
    if asked is None:
        whole = [recipe for recipe in there if recipe not in identity.regional] or there
        asked = "osrmac" if "osrmac" in whole else whole[0]
        if asked != "osrmac" and len(whole) > 1:
            raise ConfigError(f"the run has {', '.join(there)}: say with --recipe which one to shorten")
    if asked not in there:
        raise ConfigError(f"the run has no recipe '{asked}', only {', '.join(there)}")
    return asked
