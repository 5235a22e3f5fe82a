"""Weight the layers of a descriptor (Li et al. 2017), with given weights or with fitted ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from statistics import fmean

from osrmac.commands.checks import check_benchmark
from osrmac.commands.copies import note_stale_exports
from osrmac.commands.evaluate import coverage, prepare
from osrmac.config import BenchmarkConfig, ComputeConfig, LayerWeightsConfig
from osrmac.errors import ConfigError
from osrmac.evaluation.benchmark import Benchmark
from osrmac.progress import stage
from osrmac.reduction.base import LayerWeighting
from osrmac.reduction.coordinate_ascent import coordinate_ascent
from osrmac.retrieval.weighted_distances import weighted_distances
from osrmac.runs.reductions.stored import training_run, write_reduction
from osrmac.runs.scan import LocalComparison, Scan
from osrmac.runs.scoring import query_results, query_vectors
from osrmac.runs.shard_reader import Block
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.lock import Part, locked
from osrmac.storage.run import Identity, Run

__all__ = ["fit_weights"]

Weights = tuple[float, ...]


def fit_weights(
    run: str,
    benchmark: BenchmarkConfig = BenchmarkConfig(),
    options: LayerWeightsConfig = LayerWeightsConfig(),
    compute: ComputeConfig = ComputeConfig(),
) -> LayerWeighting:
    """Weight the layers of a descriptor, and write the weighted descriptors.

    Fitted weights maximise the main measure of the benchmark, averaged over its query modes, by coordinate ascent.

    Args:
        run: Run with descriptors.
        benchmark: Benchmark that the weights are fitted on, unless they are given.
        options: Descriptor, and weights to use or to try.
        compute: Processes that describe cropped queries, and the cluster that does the work.

    Raises:
        ConfigError: No recipe of several layers, or both or neither of weights and a benchmark.
        BenchmarkError: The benchmark does not fit the collection.
        NotFoundError: No run, or no ground truth.
        StorageError: Another process writes the run's reductions.
    """
    place = Run(run)
    identity = place.identity()
    recipe = _recipe(identity, options.recipe)
    with locked(place.location, Part.REDUCTIONS) as lock:
        weighting = _weighting(place, identity, recipe, benchmark, options, compute)
        lock.confirm()
        write_reduction(place, weighting)
        from osrmac.distributed.reduce import write_reduced

        with stage("weighting descriptors") as progress:
            write_reduced(place, weighting, compute, progress.update)
    note_stale_exports(place)
    return weighting


def _weighting(
    run: Run,
    identity: Identity,
    recipe: str,
    benchmark: BenchmarkConfig,
    options: LayerWeightsConfig,
    compute: ComputeConfig,
) -> LayerWeighting:
    """Return the reduction with the given weights, or fit them."""
    parts = identity.parts[recipe]
    if options.layer_weights:
        weights, fitted_on, samples = _given(recipe, parts, benchmark, options), "nothing: given by hand", 0
    else:
        training = training_run(run, options.fit_on)
        weights, fitted_on, samples = _fitted(training, recipe, parts, benchmark, options, compute)
    return LayerWeighting(
        name=f"{recipe}-weights",
        method="weights",
        recipe=recipe,
        features_in=sum(parts),
        seed=0,
        samples=samples,
        fitted_on=fitted_on,
        fingerprint=identity.fingerprint,
        weights=weights,
        parts=parts,
    )


def _recipe(identity: Identity, name: str | None) -> str:
    """Return the recipe to weight: the named one, or the only one with several layers."""
    layered = [recipe for recipe, parts in identity.parts.items() if len(parts) > 1]
    if name is None and len(layered) == 1:
        return layered[0]
    if name is None or name not in layered:
        choices = ", ".join(layered) or "none"
        raise ConfigError(f"name a recipe of several layers with --recipe; the run has {choices}")
    return name


def _given(recipe: str, parts: tuple[int, ...], evaluation: BenchmarkConfig, options: LayerWeightsConfig) -> Weights:
    if evaluation.benchmark is not None or options.fit_on is not None:
        raise ConfigError("with --layer-weights there is nothing to fit: leave out --benchmark and --fit-on")
    if len(options.layer_weights) != len(parts):
        raise ConfigError(f"{recipe} has {len(parts)} layers: give {len(parts)} --layer-weights")
    return options.layer_weights


def _fitted(
    training: Run,
    recipe: str,
    parts: tuple[int, ...],
    evaluation: BenchmarkConfig,
    options: LayerWeightsConfig,
    compute: ComputeConfig,
) -> tuple[Weights, str, int]:
    """Return the fitted weights, a description of what they were fitted on, and the number of descriptors."""
    if evaluation.benchmark is None:
        raise ConfigError("give --layer-weights, or a --benchmark to fit them on")
    check_benchmark(evaluation)
    with locked(training.location, Part.EVALUATIONS):  # where cropped queries are described
        benchmark, crops, ids = prepare(training, evaluation, compute)
    score = _objective(training, benchmark, crops, ids, recipe, parts, evaluation)
    with stage("fitting weights"):
        weights, _ = coordinate_ascent(score, len(parts), options.grid)
    ranked = f"{coverage(benchmark, ids)}, {' and '.join(benchmark.modes)} queries, {evaluation.distance}"
    return weights, f"{benchmark.name} in {training.record()['images']} ({ranked})", len(ids)


def _objective(
    run: Run,
    benchmark: Benchmark,
    crops: Location,
    ids: Mapping[str, str],
    recipe: str,
    parts: tuple[int, ...],
    evaluation: BenchmarkConfig,
) -> Callable[[Weights], float]:
    """Return a function from weights to the main measure, averaged over the query modes."""
    images, cropped = (_comparison(folder, recipe, evaluation) for folder in (run.descriptors, crops))
    database = next(iter(images.blocks()))
    distances = {}
    for mode, queries in benchmark.modes.items():
        (queried,) = query_vectors(queries, ids, images, cropped, crops)
        distances[mode] = weighted_distances(queried, database.vectors[0], parts, evaluation.distance)

    def in_mode(mode: str, weights: Weights) -> float:
        compared = LocalComparison([("", database.ids, distances[mode](weights))])
        results = query_results(benchmark, benchmark.modes[mode], compared, ids)
        return fmean(result.values[benchmark.measures[0]] for result in results)

    return lambda weights: fmean(in_mode(mode, weights) for mode in benchmark.modes)


def _comparison(folder: Location, recipe: str, evaluation: BenchmarkConfig) -> Scan:
    """Return all vectors of a folder, read when they are first used."""

    @cache
    def read() -> list[Block]:
        vectors = shards.read_vectors(shards.paths(folder), recipe)
        return [Block(vectors.ids, (vectors.values,))]

    return Scan(read, evaluation.distance)
