"""Fit reductions on the descriptors of a run, and write the reduced descriptors."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from osrmac.commands.checks import check_reduction
from osrmac.config import ClusterConfig, ReductionConfig
from osrmac.credentials import redact
from osrmac.errors import StorageError
from osrmac.progress import stage
from osrmac.reduction.base import Reduction, Selection
from osrmac.runs.reductions import load_reductions, settled_recipe, training_run, write_reduction
from osrmac.runs.shard_reader import map_shards
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.lock import Part, locked
from osrmac.storage.run import Run

__all__ = ["fit"]

_BASELINES = ("random", "variance")
_WRITTEN = ("pfa", "whitening")
"""Methods whose reduced descriptors are written; those of the baselines are computed when they are scored."""


def fit(
    run: str, reduction: ReductionConfig = ReductionConfig(), cluster: ClusterConfig = ClusterConfig()
) -> list[Reduction]:
    """Fit reductions on the descriptors of a run, and write the reduced descriptors.

    A reduction that the run has already, fitted in the same way, is kept.

    Args:
        run: Run with descriptors.
        reduction: Descriptor, dimensions and method.
        cluster: Cluster that does the work.

    Returns:
        The PFA reductions, each followed by its baselines, then the PCA-whitenings.

    Raises:
        OsrmacError: No run, no such recipe, too few descriptors, more features than the descriptor has, or another
            process that writes the run's reductions.
    """
    started = time.monotonic()
    place = Run(run)
    plan = _Plan.of(place, reduction)
    with locked(place.location, Part.REDUCTIONS) as lock:
        fitted = {found.name: found for found in load_reductions(place)}
        if not all(name in fitted and plan.matches(fitted[name]) for name in plan.names):
            fitted = {found.name: found for found in plan.fit(cluster)}
            lock.confirm()
            for found in fitted.values():
                write_reduction(place, found)
            place.finish_stage("fit", time.monotonic() - started, samples=plan.samples)
        chosen = [fitted[name] for name in plan.names]
        from osrmac.distributed.reduce import write_reduced

        for found in chosen:
            if found.method in _WRITTEN:
                with stage(f"reducing to {found.name}") as progress:
                    write_reduced(place, found, cluster, progress.update)
    return chosen


@dataclass(frozen=True)
class _Plan:
    """The reductions to fit: the options, with their defaults resolved for a run."""

    config: ReductionConfig
    shards: tuple[Location, ...]
    recipe: str
    dimension: int
    features: tuple[int, ...]
    samples: int
    fitted_on: str
    fingerprint: str

    @classmethod
    def of(cls, run: Run, config: ReductionConfig) -> _Plan:
        identity = run.identity()
        check_reduction(identity, config)
        training = training_run(run, config.fit_on)
        record = training.record()
        recipe = settled_recipe(identity, config.recipe)
        dimension = identity.dimensions[recipe]
        features = () if recipe in identity.regional else config.features or (max(1, dimension // 4),)
        paths = tuple(shards.paths(training.descriptors))
        described = sum(map(len, map_shards(shards.described_ids, paths)))
        if described < 2:
            raise StorageError(f"{training.url} has {described} described images: a fit needs at least 2")
        samples = described if config.samples == "all" else min(config.samples, described)
        return cls(config, paths, recipe, dimension, features, samples, record["images"], identity.fingerprint)

    @property
    def wanted(self) -> list[tuple[str, int]]:
        """Method and dimension of each reduction."""
        methods = ("pfa", *_BASELINES) if self.config.baselines else ("pfa",)
        selected = [(method, kept) for kept in self.features for method in methods]
        return selected + [("whitening", axes) for axes in self.config.whitening]

    @property
    def names(self) -> list[str]:
        return [f"{self.recipe}-{method}-{dimension}" for method, dimension in self.wanted]

    def matches(self, fitted: Reduction) -> bool:
        """Return whether a fitted reduction of the same name is the one that this plan would fit."""
        options = (self.config.retained_variance, self.config.absolute)
        if (
            isinstance(fitted, Selection)
            and fitted.method == "pfa"
            and (fitted.retained_variance, fitted.absolute) != options
        ):
            return False
        source = (self.samples, self.fitted_on, self.fingerprint)
        # Earlier versions stored the credentials of URLs.
        fitted_source = (fitted.samples, redact(fitted.fitted_on), fitted.fingerprint)
        return (fitted.seed, *fitted_source) == (self.config.seed, *source)

    def fit(self, cluster: ClusterConfig) -> Iterator[Reduction]:
        """Fit all reductions."""
        from osrmac.distributed.cluster.connect import connect
        from osrmac.distributed.moments import exact_moments, sample
        from osrmac.reduction.fitting import STABILITY_SEEDS, Origin, fit_reduction
        from osrmac.reduction.moments import Moments

        connect(cluster)
        with stage("reading descriptors") as progress:
            if self.config.samples == "all":
                moments = exact_moments(self.shards, self.recipe, progress.update)
            else:
                moments = Moments.of(sample(self.shards, self.recipe, self.samples, self.config.seed))
        origin = Origin(self.recipe, self.dimension, self.samples, self.fitted_on, self.fingerprint)
        for name, (method, dimension) in zip(self.names, self.wanted, strict=True):
            with stage(f"fitting {name}"):
                yield fit_reduction(method, dimension, moments, self.config, origin, seeds=STABILITY_SEEDS)
