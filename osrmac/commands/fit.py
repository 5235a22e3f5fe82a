"""Choose the features to keep, and shorten the descriptors to them."""

from __future__ import annotations

import time
from dataclasses import dataclass

from osrmac.config import ComputeConfig, ReductionConfig
from osrmac.distributed.cluster import connect
from osrmac.distributed.moments import exact_moments, sample
from osrmac.distributed.reduce import write_reduced
from osrmac.errors import ConfigError, StorageError
from osrmac.reduction.base import Reduction, Selection
from osrmac.reduction.fitting import STABILITY_SEEDS, Origin, fit_reduction
from osrmac.reduction.moments import Moments
from osrmac.runs.recipes import settled_recipe, training_run
from osrmac.runs.reductions import load_reductions, write
from osrmac.storage import schema, shards
from osrmac.storage.run import Run

__all__ = ["fit"]

_BASELINES = ("random", "variance")
_WRITTEN = ("pfa", "whitening")
"""Methods whose shortened descriptors are written; the controls serve the evaluation alone."""


def fit(
    run: str, selection: ReductionConfig = ReductionConfig(), compute: ComputeConfig = ComputeConfig()
) -> list[Reduction]:
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
    existing = {found.name: found for found in load_reductions(place)}
    if not all(name in existing and plan.made(existing[name]) for name in plan.names):
        connect(compute)
        existing = {found.name: found for found in plan.fit()}
        for found in existing.values():
            write(place, found)
        place.finish_stage("fit", time.monotonic() - started, samples=plan.samples)
    made = [existing[name] for name in plan.names]
    for found in made:
        if found.method in _WRITTEN:
            write_reduced(place, found, compute)
    return made


@dataclass(frozen=True)
class _Plan:
    """What is to be fitted: the options, settled against the run."""

    config: ReductionConfig
    shards: tuple[str, ...]
    recipe: str
    dimension: int
    features: tuple[int, ...]
    samples: int
    fitted_on: str
    fingerprint: str

    @classmethod
    def of(cls, run: Run, config: ReductionConfig) -> _Plan:
        identity = run.identity()
        training = training_run(run, config.fit_on)
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
        methods = ("pfa", *_BASELINES) if self.config.baselines else ("pfa",)
        selected = [(method, kept) for kept in self.features for method in methods]
        return selected + [("whitening", axes) for axes in self.config.whitening]

    @property
    def names(self) -> list[str]:
        return [self.name(method, kept) for method, kept in self.wanted]

    def made(self, found: Reduction) -> bool:
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

    def fit(self) -> list[Reduction]:
        if self.config.samples == "all":
            moments = exact_moments(self.shards, self.recipe)
        else:
            moments = Moments.of(sample(self.shards, self.recipe, self.samples, self.config.seed))
        origin = Origin(self.recipe, self.dimension, self.samples, self.fitted_on, self.fingerprint)
        return [
            fit_reduction(method, kept, moments, self.config, origin, seeds=STABILITY_SEEDS)
            for method, kept in self.wanted
        ]
