"""The reductions of a run: those that options name, those that are kept, and what they are fitted on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from osrmac.config import ReductionConfig
from osrmac.credentials import redact
from osrmac.errors import ConfigError
from osrmac.reduction.base import LayerWeighting, Projection, Reduction, Selection, reduction_name
from osrmac.runs.reductions.projection_file import LinearProjection, read_projection
from osrmac.runs.reductions.reduced_reader import digest
from osrmac.storage import shards
from osrmac.storage.damage import expected_content
from osrmac.storage.run import Identity, Run

__all__ = [
    "digests",
    "kept_reductions",
    "load_reductions",
    "published_projection",
    "settled_recipe",
    "training_run",
    "wanted_reductions",
    "write_reduction",
]

_BASELINES = ("random", "variance")


def write_reduction(run: Run, reduction: Reduction) -> None:
    """Write a reduction and its digest as JSON; the axes of a projection go into a Parquet file, one axis a row.

    An earlier projection of the same name is removed first, since its JSON must not be read with other axes.
    """
    values = asdict(reduction) | {"digest": digest(reduction)}
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


def digests(run: Run) -> dict[str, str]:
    """Return the digest of each reduction of a run, by name."""
    found = {}
    for name, values in run.selections().items():
        with expected_content(run.selection(name).url):
            found[name] = values.get("digest") or digest(_load(run, values))  # earlier versions did not store it
    return found


def _load(run: Run, stored: Mapping[str, Any]) -> Reduction:
    values = {key: value for key, value in stored.items() if key != "digest"}
    if "indices" in values:
        return Selection(**{**values, **_tuples(values, "indices", "mean", "variances")})
    if "weights" in values:
        return LayerWeighting(**{**values, **_tuples(values, "weights", "parts")})
    table = shards.read(run.axes(values["name"]))
    return Projection(axes=np.array(table["axis"].to_pylist()), offsets=table["offset"].to_numpy(), **values)


def _tuples(values: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Return some attributes as tuples, where JSON has lists."""
    return {key: tuple(values[key]) for key in keys if values.get(key) is not None}


def wanted_reductions(identity: Identity, config: ReductionConfig) -> dict[str, tuple[str, int]]:
    """Return the method and the dimension of each reduction that options ask for, by name.

    Args:
        identity: Identity of the descriptors.
        config: Options that fit these descriptors: see `osrmac.commands.checks.check_reduction`.
    """
    recipe = settled_recipe(identity, config.recipe)
    quarter = max(1, identity.dimensions[recipe] // 4)
    features = () if recipe in identity.regional else config.features or (quarter,)
    methods = (*config.select, *_BASELINES) if config.baselines else config.select
    wanted = [(method, kept) for kept in features for method in methods]
    wanted += [("whitening", axes) for axes in config.whitening]
    if config.projection is not None:
        wanted.append(("projection", len(_projection(config.projection, recipe, identity).weight)))
    return {reduction_name(recipe, method, size, config.power): (method, size) for method, size in wanted}


def published_projection(url: str, identity: Identity, recipe: str) -> Projection:
    """Return the projection of a file as a reduction of a recipe.

    Raises:
        ConfigError: The file is no linear projection, or its inputs are not those of the recipe.
    """
    read = _projection(url, recipe, identity)
    return Projection(
        name=reduction_name(recipe, "projection", len(read.weight)),
        method="projection",
        recipe=recipe,
        features_in=read.weight.shape[1],
        seed=0,
        samples=0,
        fitted_on=read.source,
        fingerprint=identity.fingerprint,
        axes=read.weight,
        offsets=-read.bias,
    )


def _projection(url: str, recipe: str, identity: Identity) -> LinearProjection:
    read = read_projection(url)
    inputs, length = read.weight.shape[1], identity.dimensions[recipe]
    if inputs != length:
        raise ConfigError(f"--projection {url} takes {inputs} numbers, and {recipe} has {length}")
    return read


def kept_reductions(run: Run, identity: Identity, config: ReductionConfig) -> dict[str, Reduction]:
    """Return the reductions, of those that options ask for, that a run has and keeps, by name.

    A reduction is kept whatever descriptors have been added since it was fitted.

    Raises:
        ConfigError: A reduction was fitted in another way than the options ask for, and they do not ask to replace it.
    """
    if config.refit:
        return {}
    names = wanted_reductions(identity, config)
    kept = {found.name: found for found in load_reductions(run) if found.name in names}
    source = training_run(run, config.fit_on).record()["images"] if kept and config.fit_on is not None else None
    for found in kept.values():
        for difference in _differences(found, identity, config, source):
            raise ConfigError(f"{found.name} {difference}: add --refit to replace it")
    return kept


def _differences(found: Reduction, identity: Identity, config: ReductionConfig, source: str | None) -> Iterator[str]:
    """Describe how a reduction was fitted otherwise than options ask for.

    Args:
        found: The reduction. What an early version did not record of it is taken to be as asked for.
        identity: Identity of the run's descriptors.
        config: The options.
        source: Collection to fit on, if the options name one.
    """
    if found.method == "projection" and config.projection is not None:
        if digest(found) != digest(published_projection(config.projection, identity, found.recipe)):
            yield f"was read from {found.fitted_on}, and {config.projection} differs"
        return
    if found.fingerprint != identity.fingerprint:
        yield f"is of descriptors with the fingerprint {found.fingerprint}, and the run has {identity.fingerprint}"
    if found.seed != config.seed:
        yield f"was fitted with --seed {found.seed}, not {config.seed}"
    if isinstance(found, Selection) and found.retained_variance not in (None, config.retained_variance):
        yield f"was fitted with --retained-variance {found.retained_variance:g}, not {config.retained_variance:g}"
    if isinstance(found, Selection) and found.absolute not in (None, config.absolute):
        yield f"was fitted {'with' if found.absolute else 'without'} --absolute"
    if config.samples != "all" and config.samples < found.samples:
        yield f"was fitted on {found.samples} descriptors, not {config.samples}"
    if source is not None and redact(found.fitted_on) != source:  # earlier versions stored the credentials of URLs
        yield f"was fitted on {redact(found.fitted_on)}, not {source}"


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
