"""Fit reductions on the descriptors of a run, and write the reduced descriptors."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from osrmac.commands.checks import check_reduction
from osrmac.commands.copies import note_stale_exports
from osrmac.config import ClusterConfig, ReductionConfig
from osrmac.credentials import redact
from osrmac.errors import StorageError
from osrmac.progress import note, stage, warn
from osrmac.reduction.base import Reduction
from osrmac.reduction.sample_size import shortage
from osrmac.runs.reductions.search_method import decide
from osrmac.runs.reductions.stored import (
    kept_reductions,
    load_reductions,
    published_projection,
    settled_recipe,
    training_run,
    wanted_reductions,
    write_reduction,
)
from osrmac.runs.shard_reader import map_shards, refused_if_pruned
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.lock import Part, locked
from osrmac.storage.run import Identity, Run

__all__ = ["fit"]

_WRITTEN = ("leverage", "leverage-centred", "pfa", "whitening", "projection")
"""Methods whose reduced descriptors are written; those of the baselines are computed when they are scored."""


@refused_if_pruned
def fit(
    run: str, reduction: ReductionConfig = ReductionConfig(), cluster: ClusterConfig = ClusterConfig()
) -> list[Reduction]:
    """Fit reductions on the descriptors of a run, and write the reduced descriptors.

    A reduction that the run has already is kept, whatever images have been added since, unless the options ask to fit
    it again.

    Args:
        run: Run with descriptors.
        reduction: Descriptor, dimensions and method.
        cluster: Cluster that does the work.

    Returns:
        The selections of each size, followed by its baselines, then PCA-whitenings and projection.

    Raises:
        OsrmacError: No run, no such recipe, too few descriptors, more features than the descriptor has, a reduction
            that was fitted in another way, or another process that writes the run's reductions.
    """
    started = time.monotonic()
    place = Run(run)
    plan = _Plan.of(place, reduction)
    with locked(place.location, Part.REDUCTIONS) as lock:
        before = load_reductions(place)
        kept = kept_reductions(place, plan.identity, reduction)
        plan.note_outdated(kept.values())
        missing = [name for name in plan.wanted if name not in kept]
        fitted = {found.name: found for found in plan.fit(missing, cluster)} if missing else {}
        lock.confirm()
        # Before the reductions are written, so that after a kill they are not taken for those of an early version.
        decided = plan.decide_search_method(place, before, fitted.values())
        if fitted:
            for found in fitted.values():
                write_reduction(place, found)
            place.finish_stage("fit", time.monotonic() - started, samples=plan.samples)
        _note_shortages(fitted.values(), decided)
        chosen = [(kept | fitted)[name] for name in plan.wanted]
        from osrmac.distributed.reduce import write_reduced

        for found in chosen:
            if found.method in _WRITTEN:
                with stage(f"reducing to {found.name}") as progress:
                    write_reduced(place, found, cluster, progress.update)
    if fitted:
        note_stale_exports(place)
    return chosen


def _note_shortages(fitted: Collection[Reduction], decided: str | None) -> None:
    """Note which reductions were fitted on too few descriptors, and what searches compare."""
    few = [(found.name, why) for found in fitted if (why := shortage(found))]
    if few:
        (name, why), others = few[0], len(few) - 1
        names, them = (f"{name} and {others} more were", "them") if others else (f"{name} was", "it")
        compared = "" if decided is None else f"; search compares {decided} unless --method names another"
        warn(f"{names} {why}: do not rely on {them}{compared}")


@dataclass(frozen=True)
class _Plan:
    """The reductions to have: the options, with their defaults resolved for a run."""

    config: ReductionConfig
    identity: Identity
    shards: tuple[Location, ...]
    described: int
    fitted_on: str
    wanted: Mapping[str, tuple[str, int]]

    @classmethod
    def of(cls, run: Run, config: ReductionConfig) -> _Plan:
        identity = run.identity()
        check_reduction(identity, config)
        training = training_run(run, config.fit_on)
        paths = tuple(shards.paths(training.descriptors))
        described = sum(map(len, map_shards(shards.described_ids, paths)))
        if described < 2:
            raise StorageError(f"{training.url} has {described} described images: a fit needs at least 2")
        fitted_on = training.record()["images"]
        return cls(config, identity, paths, described, fitted_on, wanted_reductions(identity, config))

    @property
    def samples(self) -> int:
        """Number of descriptors to fit on."""
        return self.described if self.config.samples == "all" else min(self.config.samples, self.described)

    def note_outdated(self, kept: Collection[Reduction]) -> None:
        """Note which reductions are kept although they would now be fitted on other descriptors."""
        outdated = [
            found for found in kept if (found.samples, redact(found.fitted_on)) != (self.samples, self.fitted_on)
        ]
        if outdated:
            first, others = outdated[0], len(outdated) - 1
            names = f"{first.name} and {others} more" if others else first.name
            was, is_kept, them = ("were", "are kept", "them") if others else ("was", "is kept", "it")
            place = "the run" if self.config.fit_on is None else redact(self.config.fit_on)
            of = "" if redact(first.fitted_on) == self.fitted_on else f" of {self.fitted_on}"
            note(
                f"{names} {was} fitted on {first.samples} descriptors of {first.fitted_on} and {is_kept}: {place} has "
                f"{self.described}{of} now, --refit fits {them} again"
            )

    def decide_search_method(
        self, run: Run, before: Collection[Reduction], fitted: Collection[Reduction]
    ) -> str | None:
        """Record the method that searches use by default, and return its name; None for a recipe of regions.

        Args:
            run: Run that the reductions are of.
            before: Reductions that the run has.
            fitted: Reductions that were fitted now, and replace those of the same name.
        """
        recipe = settled_recipe(self.identity, self.config.recipe)
        if recipe in self.identity.regional:
            return None
        recorded = run.search_methods()
        now = {found.name: found for found in (*before, *fitted)}
        decided = decide(recipe, before, now.values(), recorded, refit=self.config.refit)
        if decided != recorded.get(recipe):
            run.set_search_method(recipe, decided)
        return decided

    def fit(self, names: Collection[str], cluster: ClusterConfig) -> Iterator[Reduction]:
        """Fit the reductions of these names."""
        from osrmac.distributed.cluster.connect import connect
        from osrmac.distributed.moments import exact_moments, sample
        from osrmac.reduction.fitting import STABILITY_SEEDS, Origin, fit_reduction
        from osrmac.reduction.moments import Moments

        recipe = settled_recipe(self.identity, self.config.recipe)
        if self.config.projection is not None:
            projection = published_projection(self.config.projection, self.identity, recipe)
            if projection.name in names:
                yield projection
                names = [name for name in names if name != projection.name]
        if not names:
            return
        connect(cluster)
        with stage("reading descriptors") as progress:
            if self.config.samples == "all":
                moments = exact_moments(self.shards, recipe, progress.update)
            else:
                moments = Moments.of(sample(self.shards, recipe, self.samples, self.config.seed))
        length, fingerprint = self.identity.dimensions[recipe], self.identity.fingerprint
        origin = Origin(recipe, length, self.samples, self.fitted_on, fingerprint)
        for name in names:
            method, dimension = self.wanted[name]
            with stage(f"fitting {name}"):
                yield fit_reduction(method, dimension, moments, self.config, origin, seeds=STABILITY_SEEDS)
