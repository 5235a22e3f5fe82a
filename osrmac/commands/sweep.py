"""The score against the number of features kept, for PFA, its controls and PCA-whitening."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace

from osrmac.commands.evaluate import coverage, prepare
from osrmac.config import ComputeConfig, EvaluationConfig, ReductionConfig, SweepConfig
from osrmac.errors import ConfigError
from osrmac.evaluation.results import Score
from osrmac.evaluation.sweep import Point, Sweep, figure, require_matplotlib
from osrmac.reduction.base import Reduction
from osrmac.reduction.fitting import Origin, fit_reduction
from osrmac.reduction.moments import Moments
from osrmac.runs.methods import Method
from osrmac.runs.recipes import settled_recipe
from osrmac.runs.scoring import scores
from osrmac.storage import shards
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
    require_matplotlib()
    place = Run(run)
    benchmark, crops, ids = prepare(place, evaluation, compute)
    identity = place.identity()
    recipe = settled_recipe(identity, options.recipe)
    if recipe in identity.regional:
        raise ConfigError(f"{recipe} has a vector for each region, and a sweep shortens whole descriptors")
    descriptors = shards.read_vectors(shards.paths(place.descriptors), recipe).values
    moments = Moments.of(descriptors)
    origin = Origin(recipe, identity.dimensions[recipe], moments.count, place.record()["images"], identity.fingerprint)
    sizes = [size for size in options.sizes if size < origin.features_in]
    if not sizes:
        raise ConfigError(f"--sizes {' '.join(map(str, options.sizes))}: {recipe} has {origin.features_in} features")
    measure = benchmark.measures[0]
    tried = {method.name: method for method in _systems(origin, moments, sizes, options.seeds)}
    points = [
        _point(tried[score.method].reduction, score, measure)
        for score in scores(place, benchmark, crops, ids, tried.values(), evaluation)
    ]
    conditions = {
        "coverage": coverage(benchmark, ids),
        "backbone": identity.descriptor.backbone,
        "distance": evaluation.distance,
        "fitted on": origin.fitted_on,
    }
    result = Sweep(benchmark.name, measure, recipe, conditions, tuple(points))
    place.evaluation(f"{benchmark.name}-sweep", ".json").write_json(asdict(result))
    place.evaluation(f"{benchmark.name}-sweep", ".png").write_bytes(figure(result))
    return result


def _systems(origin: Origin, moments: Moments, sizes: list[int], seeds: int) -> Iterator[Method]:
    """The whole descriptor, and every method at every size at which it can be fitted."""
    yield Method(origin.recipe, origin.recipe, (origin.recipe,))
    config = ReductionConfig()
    for size in sizes:
        for method in ("pfa", "variance", "whitening"):
            if method != "whitening" or size <= moments.rank:
                yield _system(fit_reduction(method, size, moments, config, origin))
        for seed in range(seeds):
            yield _system(fit_reduction("random", size, moments, replace(config, seed=seed), origin))


def _system(by: Reduction) -> Method:
    return Method(f"{by.name}-{by.seed}", by.name, (by.recipe,), by)


def _point(by: Reduction | None, score: Score, measure: str) -> Point:
    method, seed = (by.method, by.seed) if by is not None else (_WHOLE, 0)
    return Point(method, score.dimension or 0, seed, score.mode, score.values[measure])
