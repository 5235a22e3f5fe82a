"""Choose the features to keep, and shorten the descriptors to them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from osrmac.config import ComputeConfig, SelectionConfig
from osrmac.errors import ConfigError, StorageError
from osrmac.pipeline.cluster import connect
from osrmac.pipeline.moments import exact_moments, sample
from osrmac.pipeline.shorten import shorten
from osrmac.pipeline.shortenings import shortenings, write
from osrmac.selection.controls import random_features, top_variance_features
from osrmac.selection.moments import Moments
from osrmac.selection.pfa import PrincipalFeatureAnalysis
from osrmac.selection.selection import Projection, Selection, Shortening
from osrmac.selection.stability import mean_overlap
from osrmac.selection.whitening import PCAWhitening
from osrmac.storage import schema, shards
from osrmac.storage.run import Identity, Run

__all__ = ["Origin", "fit", "settled_recipe", "shortening", "training_run"]

_CONTROLS = ("random", "variance")
_SEEDS = 3
"""With which PFA is tried, to say how much the features that it keeps depend on them."""

_WRITTEN = ("pfa", "whitening")
"""Methods whose shortened descriptors are written; the controls serve the evaluation alone."""


def fit(
    run: str, selection: SelectionConfig = SelectionConfig(), compute: ComputeConfig = ComputeConfig()
) -> list[Shortening]:
    """Fit Principal Feature Analysis on a run's descriptors and write them shortened.

    Args:
        run: A run with descriptors.
        selection: Which descriptor to shorten, to how many features, fitted on what.
        compute: How to spread the work.

    Returns:
        The selections asked for, with their controls, and the projections.

    Raises:
        OsrmacError: No run, no such recipe, too few descriptors or too many features.
    """
    started = time.monotonic()
    place = Run(run)
    plan = _Plan.of(place, selection)
    existing = {found.name: found for found in shortenings(place)}
    if not all(name in existing and plan.made(existing[name]) for name in plan.names):
        connect(compute)
        existing = {found.name: found for found in plan.fit()}
        for found in existing.values():
            write(place, found)
        place.finish_stage("fit", time.monotonic() - started, samples=plan.samples)
    made = [existing[name] for name in plan.names]
    for found in made:
        if found.method in _WRITTEN:
            shorten(place, found, compute)
    return made


@dataclass(frozen=True)
class _Plan:
    """What is to be fitted: the options, settled against the run."""

    config: SelectionConfig
    shards: tuple[str, ...]
    recipe: str
    dimension: int
    features: tuple[int, ...]
    samples: int
    fitted_on: str
    fingerprint: str

    @classmethod
    def of(cls, run: Run, config: SelectionConfig) -> _Plan:
        identity = run.identity()
        training = training_run(run, config.fitted_on)
        record = training.record()
        recipe = settled_recipe(identity, config.recipe)
        dimension = identity.dimensions[recipe]
        regional = recipe in identity.regional
        if regional and (config.features or not config.whitening):
            raise ConfigError(f"{recipe} has a vector for each region: give --whitening, and no --features")
        features = () if regional else config.features or (max(1, dimension // 4),)
        if max(features, default=0) > dimension:
            raise ConfigError(f"--features {max(features)}: {recipe} has only {dimension} features")
        described = record["counts"].get(schema.OK, 0)
        if described < 2:
            raise StorageError(f"{training.url} has {described} described images: a fit needs at least 2")
        samples = described if config.samples == "all" else min(config.samples, described)
        found = tuple(shards.paths(training.descriptors))
        return cls(config, found, recipe, dimension, features, samples, record["images"], identity.fingerprint)

    def name(self, method: str, kept: int) -> str:
        return f"{self.recipe}-{method}-{kept}"

    @property
    def wanted(self) -> list[tuple[str, int]]:
        """Method and dimension of everything to be fitted."""
        methods = ("pfa", *_CONTROLS) if self.config.controls else ("pfa",)
        selected = [(method, kept) for kept in self.features for method in methods]
        return selected + [("whitening", axes) for axes in self.config.whitening]

    @property
    def names(self) -> list[str]:
        return [self.name(method, kept) for method, kept in self.wanted]

    def made(self, found: Shortening) -> bool:
        """Whether this is what the plan would make."""
        options = (self.config.retained_variance, self.config.absolute)
        if (
            isinstance(found, Selection)
            and found.method == "pfa"
            and (found.retained_variance, found.absolute) != options
        ):
            return False
        source = (self.samples, self.fitted_on, self.fingerprint)
        return (found.seed, found.samples, found.fitted_on, found.fingerprint) == (self.config.seed, *source)

    def fit(self) -> list[Shortening]:
        if self.config.samples == "all":
            moments = exact_moments(self.shards, self.recipe)
        else:
            moments = Moments.of(sample(self.shards, self.recipe, self.samples, self.config.seed))
        origin = Origin(self.recipe, self.dimension, self.samples, self.fitted_on, self.fingerprint)
        return [
            _with_stability(shortening(method, kept, moments, self.config, origin), moments, self.config, origin)
            for method, kept in self.wanted
        ]


@dataclass(frozen=True)
class Origin:
    """What a shortening is fitted on; the fields are those of `Shortening`."""

    recipe: str
    features_in: int
    samples: int
    fitted_on: str
    fingerprint: str


def shortening(method: str, kept: int, moments: Moments, config: SelectionConfig, origin: Origin) -> Shortening:
    """Fit one way to shorten a descriptor.

    Args:
        method: `pfa`, `random`, `variance` or `whitening`.
        kept: Number of features or axes.
        moments: Of the descriptors.
        config: Seed and options of PFA; its sizes are not looked at.
        origin: Where the descriptors come from.

    Raises:
        ConfigError: The descriptors do not allow it.
    """
    try:
        return _shortening(method, kept, moments, config, origin)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _with_stability(found: Shortening, moments: Moments, config: SelectionConfig, origin: Origin) -> Shortening:
    """A selection of PFA with how much it has in common with those of other seeds; others as they are."""
    if not isinstance(found, Selection) or found.method != "pfa":
        return found
    seeds = range(config.seed + 1, config.seed + _SEEDS)
    others = [_shortening("pfa", found.dimension, moments, replace(config, seed=seed), origin) for seed in seeds]
    kept = [each.indices for each in (found, *others) if isinstance(each, Selection)]
    return replace(found, stability=mean_overlap(kept))


def _shortening(method: str, kept: int, moments: Moments, config: SelectionConfig, origin: Origin) -> Shortening:
    fields: dict[str, Any] = {
        "name": f"{origin.recipe}-{method}-{kept}",
        "method": method,
        "seed": config.seed,
        **asdict(origin),
    }
    if method == "random":
        return Selection(indices=_plain(random_features(origin.features_in, kept, config.seed)), **fields)
    if method == "variance":
        return Selection(indices=_plain(top_variance_features(moments, kept)), **fields)
    if method == "whitening":
        whitening = PCAWhitening(kept).fit_moments(moments)
        axes = whitening.components_
        return Projection(axes=axes, offsets=axes @ whitening.mean_, **fields)
    pfa = PrincipalFeatureAnalysis(
        kept,
        retained_variance=config.retained_variance,
        absolute=config.absolute,
        random_state=config.seed,
    ).fit_moments(moments)
    return Selection(
        indices=_plain(pfa.indices_),
        retained_variance=config.retained_variance,
        components=pfa.n_components_,
        explained_variance=float(pfa.explained_variance_ratio_[: pfa.n_components_].sum()),
        absolute=config.absolute,
        variances=tuple(pfa.explained_variance_ratio_.tolist()),
        **fields,
    )


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


def _plain(indices: Iterable[int]) -> tuple[int, ...]:
    return tuple(int(index) for index in indices)
