"""Choose the features to keep, and shorten the descriptors to them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import reduce
from operator import add

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray

from osrmac.config import ComputeConfig, SelectionConfig
from osrmac.errors import ConfigError, StorageError
from osrmac.pipeline.cluster import connect
from osrmac.pipeline.shorten import shorten
from osrmac.selection.controls import random_features, top_variance_features
from osrmac.selection.moments import Moments
from osrmac.selection.pfa import PrincipalFeatureAnalysis
from osrmac.selection.selection import Selection
from osrmac.storage import schema, shards
from osrmac.storage.run import Identity, Run

__all__ = ["fit", "selections"]

_GROUPS_PER_CPU = 2


def fit(
    run: str, selection: SelectionConfig = SelectionConfig(), compute: ComputeConfig = ComputeConfig()
) -> list[Selection]:
    """Fit Principal Feature Analysis on a run's descriptors and write them shortened.

    Args:
        run: A run with descriptors.
        selection: Which descriptor to shorten, to how many features, fitted on what.
        compute: How to spread the work.

    Returns:
        The selections asked for, with their controls.

    Raises:
        OsrmacError: No run, no such recipe, too few descriptors or too many features.
    """
    started = time.monotonic()
    place = Run(run)
    plan = _Plan.of(place, selection)
    existing = {found.name: found for found in selections(place)}
    if not all(name in existing and plan.made(existing[name]) for name in plan.names):
        connect(compute)
        existing = {found.name: found for found in plan.fit()}
        for found in existing.values():
            place.write_selection(found.name, asdict(found))
        place.finish_stage("fit", time.monotonic() - started, samples=plan.samples)
    for kept in plan.features:
        shorten(place, existing[plan.name("pfa", kept)], compute)
    return [existing[name] for name in plan.names]


def selections(run: Run) -> list[Selection]:
    """All selections of a run, by name."""
    return [Selection(**{**values, "indices": tuple(values["indices"])}) for values in run.selections()]


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
        record, identity = run.record(), run.identity()
        recipe = _recipe(identity, config.recipe)
        dimension = identity.dimensions[recipe]
        features = config.features or (max(1, dimension // 4),)
        if max(features) > dimension:
            raise ConfigError(f"--features {max(features)}: {recipe} has only {dimension} features")
        described = record["counts"].get(schema.OK, 0)
        if described < 2:
            raise StorageError(f"{run.url} has {described} described images: a fit needs at least 2")
        samples = described if config.samples == "all" else min(config.samples, described)
        found = tuple(shards.paths(run.descriptors))
        return cls(config, found, recipe, dimension, features, samples, record["images"], identity.fingerprint)

    def name(self, method: str, kept: int) -> str:
        return f"{self.recipe}-{method}-{kept}"

    @property
    def methods(self) -> tuple[str, ...]:
        return ("pfa", "random", "variance") if self.config.controls else ("pfa",)

    @property
    def names(self) -> list[str]:
        return [self.name(method, kept) for kept in self.features for method in self.methods]

    def made(self, found: Selection) -> bool:
        """Whether a selection is what this plan would make."""
        if found.method == "pfa" and (found.retained_variance, found.absolute) != (
            self.config.retained_variance,
            self.config.absolute,
        ):
            return False
        return (found.seed, found.samples, found.fingerprint) == (self.config.seed, self.samples, self.fingerprint)

    def fit(self) -> list[Selection]:
        moments = self._moments()
        return [self._select(method, kept, moments) for kept in self.features for method in self.methods]

    def _moments(self) -> Moments:
        if self.config.samples == "all":
            return _exact_moments(self.shards, self.recipe)
        return Moments.of(_sample(self.shards, self.recipe, self.samples, self.config.seed))

    def _select(self, method: str, kept: int, moments: Moments) -> Selection:
        chosen = Selection(
            name=self.name(method, kept),
            method=method,
            recipe=self.recipe,
            indices=(),
            features_in=self.dimension,
            seed=self.config.seed,
            samples=self.samples,
            fitted_on=self.fitted_on,
            fingerprint=self.fingerprint,
        )
        if method == "random":
            return replace(chosen, indices=_plain(random_features(self.dimension, kept, self.config.seed)))
        if method == "variance":
            return replace(chosen, indices=_plain(top_variance_features(moments, kept)))
        return self._principal(chosen, kept, moments)

    def _principal(self, chosen: Selection, kept: int, moments: Moments) -> Selection:
        pfa = PrincipalFeatureAnalysis(
            kept,
            retained_variance=self.config.retained_variance,
            absolute=self.config.absolute,
            random_state=self.config.seed,
        )
        try:
            pfa.fit_moments(moments)
        except ValueError as error:
            raise ConfigError(str(error)) from error
        return replace(
            chosen,
            indices=_plain(pfa.indices_),
            retained_variance=self.config.retained_variance,
            components=pfa.n_components_,
            explained_variance=float(pfa.explained_variance_ratio_[: pfa.n_components_].sum()),
            absolute=self.config.absolute,
        )


def _recipe(identity: Identity, asked: str | None) -> str:
    there = list(identity.dimensions)
    if asked is None:
        asked = "osrmac" if "osrmac" in there else there[0]
        if asked != "osrmac" and len(there) > 1:
            raise ConfigError(f"the run has {', '.join(there)}: say with --recipe which one to shorten")
    if asked not in there:
        raise ConfigError(f"the run has no recipe '{asked}', only {', '.join(there)}")
    return asked


def _plain(indices: Iterable[int]) -> tuple[int, ...]:
    return tuple(int(index) for index in indices)


def _exact_moments(paths: Sequence[str], recipe: str) -> Moments:
    """Moments of all descriptors: partial ones where the shards are read, merged in the order of the shards."""
    cpus = ray.cluster_resources().get("CPU", 1)  # type: ignore[no-untyped-call]
    groups = max(1, int(cpus) * _GROUPS_PER_CPU)
    parts = [list(part) for part in np.array_split(np.array(paths, dtype=object), groups) if len(part)]
    return reduce(add, (ray.get(partial) for partial in [_partial_moments.remote(part, recipe) for part in parts]))


@ray.remote
def _partial_moments(paths: list[str], recipe: str) -> Moments:
    return reduce(add, (Moments.of(shards.read_vectors([path], recipe).values) for path in paths))


def _sample(paths: Sequence[str], recipe: str, samples: int, seed: int) -> np.ndarray:
    """Descriptors drawn at random, (samples, d), in order of their ids: the same ones however they are sharded."""
    tables = [shards.read(path, ["id", "status"]) for path in paths]
    described = pa.concat_tables(tables).filter(pc.field("status") == schema.OK)
    ids = described["id"].sort()
    drawn = np.sort(np.random.default_rng(seed).choice(len(ids), samples, replace=False))
    return shards.read_vectors(paths, recipe, only=ids.take(pa.array(drawn))).values
