"""The score against the number of features kept, for PFA, its controls and PCA-whitening."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace

from osrmac.config import ComputeConfig, EvaluationConfig, SelectionConfig, SweepConfig
from osrmac.errors import ConfigError
from osrmac.pipeline.evaluate import coverage, prepare
from osrmac.pipeline.fit import Origin, settled_recipe, shortening
from osrmac.pipeline.scoring import scores
from osrmac.pipeline.systems import System
from osrmac.retrieval.sweep import Point, Sweep, figure
from osrmac.selection.moments import Moments
from osrmac.selection.selection import Shortening
from osrmac.storage import files, shards
from osrmac.storage.run import Run

__all__ = ["sweep"]

_WHOLE = "whole descriptor"


def sweep(
    run: str,
    evaluation: EvaluationConfig,
    options: SweepConfig = SweepConfig(),
    compute: ComputeConfig = ComputeConfig(),
) -> Sweep:
    """Score every method at every size, fitted on all of the run's descriptors; data and figure go into the run.

    Raises:
        OsrmacError: No run, a benchmark that does not fit it, or sizes that do not.
    """
    place = Run(run)
    benchmark, crops, names = prepare(place, evaluation, compute)
    identity = place.identity()
    recipe = settled_recipe(identity, options.recipe)
    descriptors = shards.read_vectors(shards.paths(place.descriptors), recipe).values
    moments = Moments.of(descriptors)
    origin = Origin(recipe, identity.dimensions[recipe], moments.count, place.record()["images"], identity.fingerprint)
    sizes = [size for size in options.sizes if size < origin.features_in]
    if not sizes:
        raise ConfigError(f"--sizes {' '.join(map(str, options.sizes))}: {recipe} has {origin.features_in} features")
    measure = benchmark.measures[0]
    points = [
        Point(method, score.dimension or 0, seed, score.mode, score.value(measure))
        for method, seed, system in _systems(origin, moments, sizes, options.seeds)
        for score in scores(place, benchmark, crops, [system], evaluation)
    ]
    conditions = {
        "coverage": coverage(benchmark, names),
        "backbone": identity.descriptor.backbone,
        "distance": evaluation.distance,
        "fitted on": origin.fitted_on,
    }
    result = Sweep(benchmark.name, measure, recipe, conditions, tuple(points))
    files.write_json(place.evaluation(f"{benchmark.name}-sweep", ".json"), asdict(result))
    files.write_atomically(place.evaluation(f"{benchmark.name}-sweep", ".png"), figure(result))
    return result


def _systems(origin: Origin, moments: Moments, sizes: list[int], seeds: int) -> Iterator[tuple[str, int, System]]:
    """Method, seed and system of every point."""
    yield _WHOLE, 0, System(origin.recipe, origin.recipe, (origin.recipe,))
    config = SelectionConfig()
    for size in sizes:
        for method in ("pfa", "variance", "whitening"):
            if method != "whitening" or size < moments.count:
                yield method, 0, _system(shortening(method, size, moments, config, origin))
        for seed in range(seeds):
            yield "random", seed, _system(shortening("random", size, moments, replace(config, seed=seed), origin))


def _system(by: Shortening) -> System:
    return System(by.name, by.name, (by.recipe,), by)
