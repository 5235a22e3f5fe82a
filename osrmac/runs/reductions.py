"""The reductions of a run, and the recipe and run that a reduction is fitted on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from osrmac.errors import ConfigError
from osrmac.reduction.base import LayerWeighting, Projection, Reduction, Selection
from osrmac.storage import shards
from osrmac.storage.damage import expected_content
from osrmac.storage.run import Identity, Run

__all__ = ["load_reductions", "settled_recipe", "training_run", "write_reduction"]


def write_reduction(run: Run, reduction: Reduction) -> None:
    """Write a reduction as JSON; the axes of a projection go into a Parquet file, one axis a row.

    An earlier projection of the same name is removed first, since its JSON must not be read with other axes.
    """
    values = asdict(reduction)
    if isinstance(reduction, Projection):
        run.selection(reduction.name).remove()
        axes, offsets = values.pop("axes"), values.pop("offsets")
        columns = pa.FixedSizeListArray.from_arrays(pa.array(axes.ravel()), reduction.features_in)
        shards.write_table(run.axes(reduction.name), pa.table({"axis": columns, "offset": offsets}))
    run.selection(reduction.name).write_json(values)


def load_reductions(run: Run) -> list[Reduction]:
    """Read all reductions of a run, in order of name."""
    loaded = []
    for name, values in run.selections().items():
        with expected_content(run.selection(name).url):
            loaded.append(_load(run, values))
    return loaded


def _load(run: Run, values: Mapping[str, Any]) -> Reduction:
    if "indices" in values:
        return Selection(**{**values, **_tuples(values, "indices", "variances")})
    if "weights" in values:
        return LayerWeighting(**{**values, **_tuples(values, "weights", "parts")})
    table = shards.read(run.axes(values["name"]))
    return Projection(axes=np.array(table["axis"].to_pylist()), offsets=table["offset"].to_numpy(), **values)


def _tuples(values: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Return some attributes as tuples, where JSON has lists."""
    return {key: tuple(values[key]) for key in keys if values.get(key) is not None}


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
