"""Score a descriptor against the number of features kept, for PFA, its controls and PCA-whitening."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace

from osrmac.commands.evaluate import coverage, distractors_of, prepare
from osrmac.config import ComputeConfig, EvaluationConfig, ReductionConfig, SweepConfig
from osrmac.errors import ConfigError
from osrmac.evaluation.results import Score
from osrmac.evaluation.sweep import WHOLE_DESCRIPTOR, Point, Sweep
from osrmac.pages.charts import svg
from osrmac.pages.sections.sweeps import sweep_charts
from osrmac.reduction.base import Reduction
from osrmac.reduction.fitting import Origin, fit_reduction
from osrmac.reduction.moments import Moments
from osrmac.runs.methods import Method
from osrmac.runs.reductions.stored import settled_recipe
from osrmac.runs.scoring import scores
from osrmac.storage import shards
from osrmac.storage.lock import Part, locked
from osrmac.storage.run import Identity, Run

__all__ = ["sweep"]


def sweep(
    run: str,
    evaluation: EvaluationConfig,
    options: SweepConfig = SweepConfig(),
    compute: ComputeConfig = ComputeConfig(),
) -> Sweep:
    """Score every method at every size, and write the scores and their chart into the run.

    The files are `evaluation/BENCHMARK-sweep.json` and `evaluation/BENCHMARK-sweep.svg`.

    Args:
        run: Run with descriptors; the reductions are fitted on all of them.
        evaluation: Benchmark, ground truth, query modes and distance.
        options: Recipe, sizes, and number of random choices.
        compute: Resources for describing cropped queries.

    Raises:
        OsrmacError: No run, a benchmark that does not fit the collection, or no size below that of the descriptor.
    """
    place = Run(run)
    identity = place.identity()
    recipe = settled_recipe(identity, options.recipe)
    if recipe in identity.regional:
        raise ConfigError(f"{recipe} has a vector for each region, and a sweep reduces one vector per image")
    length = identity.dimensions[recipe]
    sizes = [size for size in options.sizes if size < length]
    if not sizes:
        raise ConfigError(f"--sizes {' '.join(map(str, options.sizes))}: {recipe} has only {length} features")
    with locked(place.location, Part.EVALUATIONS) as lock:
        result = _sweep(place, identity, recipe, sizes, evaluation, options, compute)
        lock.confirm()
        _write(place, result)
    return result


def _sweep(
    place: Run,
    identity: Identity,
    recipe: str,
    sizes: list[int],
    evaluation: EvaluationConfig,
    options: SweepConfig,
    compute: ComputeConfig,
) -> Sweep:
    benchmark, crops, ids = prepare(place, evaluation, compute)
    distractors = distractors_of(place, evaluation, benchmark, ids)
    moments = Moments.of(shards.read_vectors(shards.paths(place.descriptors), recipe).values)
    origin = Origin(recipe, identity.dimensions[recipe], moments.count, place.record()["images"], identity.fingerprint)
    methods = {method.name: method for method in _methods(origin, moments, sizes, options.seeds)}
    measure = benchmark.measures[0]
    points = [
        _point(methods[score.method].reduction, score, measure)
        for score in scores(place, benchmark, crops, ids, methods.values(), evaluation)
    ]
    conditions = {
        "coverage": coverage(benchmark, ids, distractors),
        "backbone": identity.descriptor.backbone,
        "distance": evaluation.distance,
        **evaluation.conditions,
        "fitted on": origin.fitted_on,
    }
    return Sweep(benchmark.name, measure, recipe, conditions, tuple(points))


def _methods(origin: Origin, moments: Moments, sizes: list[int], seeds: int) -> Iterator[Method]:
    """Yield the whole descriptor, then every reduction at every size at which it can be fitted."""
    yield Method(origin.recipe, origin.recipe, (origin.recipe,))
    config = ReductionConfig()
    for size in sizes:
        for method in ("leverage", "pfa", "variance", "whitening"):
            if method != "whitening" or size <= moments.rank:
                yield _method(fit_reduction(method, size, moments, config, origin))
        for seed in range(seeds):
            yield _method(fit_reduction("random", size, moments, replace(config, seed=seed), origin))


def _method(reduction: Reduction) -> Method:
    return Method(f"{reduction.name}-{reduction.seed}", reduction.name, (reduction.recipe,), reduction)


def _point(reduction: Reduction | None, score: Score, measure: str) -> Point:
    method, seed = (WHOLE_DESCRIPTOR, 0) if reduction is None else (reduction.method, reduction.seed)
    return Point(method, score.dimension or 0, seed, score.mode, score.values[measure])


def _write(run: Run, sweep: Sweep) -> None:
    name = f"{sweep.benchmark}-sweep"
    run.evaluation(name, ".json").write_json(asdict(sweep))
    notes = "; ".join(f"{condition}: {value}" for condition, value in sweep.conditions.items())
    run.evaluation(name, ".svg").write_text(svg(sweep_charts(sweep), notes))
