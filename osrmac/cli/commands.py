"""The commands: each calls the function of the same name in `osrmac.commands`, and writes its results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from osrmac.cli.arguments import (
    DemoRun,
    Html,
    Image,
    Images,
    NewRun,
    OptionalRun,
    Output,
    OutputFolder,
    PerQuery,
    Picture,
    Profile,
    Queries,
    Rankings,
    RemovalTable,
    Run,
    Runs,
    TableFile,
)
from osrmac.cli.estimate import estimate
from osrmac.cli.files import check_tables, write_sheet, write_table
from osrmac.cli.index import index
from osrmac.cli.output import info_tables, profile_tables, table, write, write_address, write_result
from osrmac.cli.overview import overview
from osrmac.cli.search_batch import check_batch, write_batch
from osrmac.cli.search_results import search_json, search_tables
from osrmac.cli.summaries import extraction_lines, pruning_lines
from osrmac.commands import result_tables
from osrmac.config import (
    DEMO_DESCRIPTOR,
    BackboneConfig,
    BenchmarkConfig,
    ClusterConfig,
    CollectionConfig,
    CompareConfig,
    ComputeConfig,
    DescriptorConfig,
    DuplicatesConfig,
    EvaluationConfig,
    ExportConfig,
    FailureConfig,
    FetchConfig,
    LayerWeightsConfig,
    PruneConfig,
    ReductionConfig,
    ScoreSheetConfig,
    SearchClusterConfig,
    SearchConfig,
    ServeConfig,
    SweepConfig,
)
from osrmac.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from osrmac.commands.run import RunResult
    from osrmac.evaluation.results import Evaluation
    from osrmac.reduction.base import Reduction
    from osrmac.tables import Table

__all__ = ["COMMANDS"]


def extract(
    images: Images,
    run: NewRun,
    profile: Profile = False,
    descriptor: DescriptorConfig = DescriptorConfig(),
    compute: ComputeConfig = ComputeConfig(),
    failure: FailureConfig = FailureConfig(),
    collection: CollectionConfig = CollectionConfig(),
    output: Output = Output(),
) -> None:
    """Describe the images of a collection."""
    from osrmac.commands.extract import extract

    result = extract(images, run, descriptor, compute, failure, collection)
    write_result(output, result.to_json(), profile_tables(result.profile) if profile else (), extraction_lines(result))


def fit(
    run: Run,
    reduction: ReductionConfig = ReductionConfig(),
    cluster: ClusterConfig = ClusterConfig(),
    output: Output = Output(),
) -> None:
    """Fit reductions, and write the reduced descriptors."""
    from osrmac.commands.fit import fit

    fitted = fit(run, reduction, cluster)
    rows = ((each.name, each.dimension, each.features_in, each.samples, each.fitted_on) for each in fitted)
    shown = table("Reductions", ("name", "dims", "of", "samples", "fitted on"), rows)
    write(output, map(_reduction_json, fitted), [shown])


def evaluate(
    run: OptionalRun = None,
    rankings: Rankings = None,
    per_query: PerQuery = None,
    table_file: TableFile = None,
    evaluation: EvaluationConfig = EvaluationConfig(),
    sheet: ScoreSheetConfig = ScoreSheetConfig(),
    compute: ComputeConfig = ComputeConfig(),
    output: Output = Output(),
) -> None:
    """Score a run, or rankings of any other system."""
    from osrmac.commands.evaluate import evaluate, evaluate_rankings

    check_tables(per_query, table_file)
    if rankings is not None:
        if evaluation.conditions:
            raise ConfigError(f"--rankings are scored as they are, without {' and '.join(evaluation.conditions)}")
        if evaluation.distractors is not None or sheet.scores is not None:
            raise ConfigError("--rankings are scored as given: leave out --distractors and --scores")
        scores = evaluate_rankings(rankings, evaluation, run)
    elif run is not None:
        scores = evaluate(run, evaluation, compute, sheet)
    else:
        raise ConfigError("nothing to score: give a RUN, or --rankings")
    queries = max((score.queries for score in scores.scores), default=0)
    write_table(per_query, result_tables.query_table(scores), None if rankings is not None else run, images=queries)
    write_table(table_file, result_tables.scores_table(scores))
    write_result(output, scores.to_json(), _scores_tables(scores))


def compare(
    runs: Runs, table_file: TableFile = None, comparison: CompareConfig = CompareConfig(), output: Output = Output()
) -> None:
    """Compare the scores of runs, and tell which differences are beyond chance."""
    from osrmac.commands.compare import compare

    check_tables(table_file)
    results = compare(runs, comparison)
    write_table(table_file, result_tables.comparison_table(results))
    written = [] if comparison.figure is None else [f"figure in {comparison.figure}"]
    write(output, (each.to_json() for each in results), (each.table() for each in results), written)


def run(
    images: Images,
    run: NewRun,
    descriptor: DescriptorConfig = DescriptorConfig(),
    compute: ComputeConfig = ComputeConfig(),
    failure: FailureConfig = FailureConfig(),
    reduction: ReductionConfig = ReductionConfig(),
    evaluation: EvaluationConfig = EvaluationConfig(),
    collection: CollectionConfig = CollectionConfig(),
    output: Output = Output(),
) -> None:
    """Extract, fit, evaluate (with --benchmark) and report."""
    from osrmac.commands.run import run as run_all

    _write_run(output, run_all(images, run, descriptor, compute, failure, reduction, evaluation, collection))


def demo(
    run: DemoRun = "osrmac-demo",
    descriptor: DescriptorConfig = DEMO_DESCRIPTOR,
    compute: ComputeConfig = ComputeConfig(),
    reduction: ReductionConfig = ReductionConfig(),
    output: Output = Output(),
) -> None:
    """Do all of it on a small collection of bundled photos."""
    from osrmac.commands.demo import demo

    _write_run(output, demo(run, descriptor, compute, reduction))


def search(
    run: Run,
    queries: Queries,
    html: Html = None,
    table_file: TableFile = None,
    comparison: SearchConfig = SearchConfig(),
    cluster: SearchClusterConfig = SearchClusterConfig(),
    output: Output = Output(),
) -> None:
    """Find the images of a run that are nearest to a query."""
    from osrmac.commands.search import search, search_stream

    check_tables(table_file)
    if comparison.in_batches:
        check_batch(output, table_file, html)
        write_batch(search_stream(run, queries, comparison, cluster), run, table_file, output)
        return
    result = search(run, queries, comparison, cluster)
    shown = sum(len(query.matches) for query in result.queries)
    if html is not None:
        from osrmac.pages.contact_sheet import search_sheet

        write_sheet(html, search_sheet(run, result), run, result.method, shown)
    write_table(table_file, result_tables.search_table(result), run, result.method, shown)
    write(output, search_json(result), search_tables(result))


def serve(run: Run, server: ServeConfig = ServeConfig(), output: Output = Output()) -> None:
    """Search and browse a run in a browser."""
    from osrmac.commands.serve import serve

    serve(run, server, lambda url: write_address(output, run, url))


def duplicates(
    run: Run,
    html: Html = None,
    table_file: RemovalTable = None,
    comparison: DuplicatesConfig = DuplicatesConfig(),
    cluster: ClusterConfig = ClusterConfig(),
    output: Output = Output(),
) -> None:
    """Group the near-duplicates among the images of a run."""
    from osrmac.commands.duplicates import duplicates

    check_tables(table_file)
    result = duplicates(run, comparison, cluster)
    images = [(number, image) for number, group in enumerate(result.groups, 1) for image in group]
    if html is not None:
        from osrmac.pages.duplicates_sheet import duplicates_sheet

        write_sheet(html, duplicates_sheet(run, result), run, result.method, len(images))
    write_table(table_file, result_tables.duplicates_table(result), run, result.method, len(images))
    rows = (
        (number, "keep" if image.keep else "", image.distance, f"{image.width} x {image.height}", image.id)
        for number, image in images
    )
    agreement = "" if result.agreement is None else f" and pixels that agree by {result.agreement:.2f}"
    removable = sum(not image.keep for _, image in images)
    summary = (
        f"{len(images)} images in {len(result.groups)} groups, {removable} of them to remove; compared by "
        f"{result.method}: {result.distance} up to {result.threshold:.4g}{agreement}, {result.reason}"
    )
    shown = table("Near-duplicates", ("group", "", result.distance, "size", "id"), rows)
    write(output, ({"group": number, **image.to_json()} for number, image in images), [shown], [summary])


def export(run: Run, out: OutputFolder, vector: ExportConfig, output: Output = Output()) -> None:
    """Export the vectors of a run to LanceDB, FAISS or NumPy."""
    from osrmac.commands.export import export

    result = export(run, out, vector)
    summary = f"{result.images} vectors of {result.dimension} dimensions, {result.method}, in {out}"
    write_result(output, result.to_json(), summary=[summary])


def info(run: Run, output: Output = Output()) -> None:
    """Summarize a run."""
    from osrmac.commands.info import info

    result = info(run)
    write_result(output, result.to_json(), info_tables(result))


def verify(run: Run, cluster: ClusterConfig = ClusterConfig(), output: Output = Output()) -> None:
    """Check that a run has every planned image exactly once."""
    from osrmac.commands.verify import verify

    count = 0
    for count, problem in enumerate(verify(run, cluster), 1):  # noqa: B007
        write(output, [{"problem": problem}], summary=[problem] if output.format == "table" else [])
    if count:
        raise StorageError(f"{run} has {count} problems: run the same osrmac extract again to describe what is missing")
    write(output, [], summary=[f"{run} has no problems"])


def report(run: Run, output: Output = Output()) -> None:
    """Write a page with the scores and failures of a run."""
    from osrmac.commands.report import report

    url = report(run)
    write_result(output, {"report": url}, summary=[f"report in {url}"])


def prune(run: Run, removal: PruneConfig = PruneConfig(), output: Output = Output()) -> None:
    """Remove images from a run that are gone, or in a list."""
    from osrmac.commands.prune import prune

    result = prune(run, removal)
    write_result(output, result.to_json(), summary=pruning_lines(result))


def paper(run: Run, output: Output = Output()) -> None:
    """Compare the scores of a run with those of the paper."""
    from osrmac.commands.paper import paper

    tables = paper(run)
    write(output, (each.to_json() for each in tables), (each.table() for each in tables))


def sweep(
    run: Run,
    evaluation: EvaluationConfig = EvaluationConfig(),
    reduction: SweepConfig = SweepConfig(),
    compute: ComputeConfig = ComputeConfig(),
    output: Output = Output(),
) -> None:
    """Score reductions to many numbers of features."""
    from osrmac.commands.sweep import sweep

    result = sweep(run, evaluation, reduction, compute)
    file = f"{run}/evaluation/{result.benchmark}-sweep.json"
    summary = f"{len(result.points)} scores in {file}, drawn in the .svg beside it"
    write_result(output, asdict(result), summary=[summary])


def fit_weights(
    run: Run,
    benchmark: BenchmarkConfig = BenchmarkConfig(),
    weight: LayerWeightsConfig = LayerWeightsConfig(),
    compute: ComputeConfig = ComputeConfig(),
    output: Output = Output(),
) -> None:
    """Weight the layers of a descriptor, or fit their weights."""
    from osrmac.commands.fit_weights import fit_weights

    fitted = fit_weights(run, benchmark, weight, compute)
    summary = f"{fitted.name}: {' '.join(f'{weight:g}' for weight in fitted.weights)}, {fitted.fitted_on}"
    write_result(output, {**_reduction_json(fitted), "weights": fitted.weights}, summary=[summary])


def cam(
    image: Image,
    picture: Picture = "cam.png",
    backbone: BackboneConfig = BackboneConfig(),
    reading: FetchConfig = FetchConfig(),
    output: Output = Output(),
) -> None:
    """Draw the class activation map of an image."""
    from osrmac.commands.cam import cam

    written = cam(image, picture, backbone, reading)
    write_result(output, {"output": written}, summary=[f"image, class activation map and mask in {written}"])


COMMANDS: Mapping[str, Callable[..., None]] = {
    "extract": extract,
    "fit": fit,
    "evaluate": evaluate,
    "compare": compare,
    "run": run,
    "demo": demo,
    "estimate": estimate,
    "search": search,
    "serve": serve,
    "duplicates": duplicates,
    "overview": overview,
    "export": export,
    "index": index,
    "info": info,
    "verify": verify,
    "report": report,
    "prune": prune,
    "paper": paper,
    "sweep": sweep,
    "fit-weights": fit_weights,
    "cam": cam,
}
"""Functions of the commands by name, in the order of the help."""


def _write_run(output: Output, result: RunResult) -> None:
    scores = result.evaluation
    values = result.extraction.to_json() | {"report": result.report}
    values |= {} if scores is None else {"evaluation": scores.to_json()}
    lines = [*extraction_lines(result.extraction), f"report in {result.report}"]
    write_result(output, values, [] if scores is None else _scores_tables(scores), lines)


def _scores_tables(scores: Evaluation) -> list[Table]:
    from osrmac.evaluation.score_tables import scores_tables

    return scores_tables(scores)


def _reduction_json(reduction: Reduction) -> dict[str, Any]:
    """Return the description of a reduction without its indices, axes or weights, which are in the run."""
    from osrmac.runs.reductions.reduced_reader import digest

    names = ("name", "method", "recipe", "features_in", "dimension", "samples", "fitted_on")
    return {name: getattr(reduction, name) for name in names} | {"digest": digest(reduction)}
