"""The `osrmac` command: each subcommand's options are the config dataclasses."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

if os.environ.get("NO_COLOR"):  # which tyro does not know; it reads this when it is imported
    os.environ.setdefault("PYTHON_TYRO_ANSI_CODES", "False")

import tyro

from osrmac.cli import output as terminal
from osrmac.config import (
    ComputeConfig,
    DemoConfig,
    DescriptorConfig,
    DuplicatesConfig,
    EvaluationConfig,
    ExportConfig,
    FailureConfig,
    LayerWeightsConfig,
    ReductionConfig,
    SearchConfig,
    SweepConfig,
)
from osrmac.errors import ConfigError, OsrmacError, StorageError

if TYPE_CHECKING:
    from osrmac.commands.extract import Extracted
    from osrmac.evaluation.results import Evaluation
    from osrmac.reduction.base import Reduction

__all__ = ["main"]

_FAILURES_SHOWN = 5

Images = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGES")]
RunArgument = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
Queries = Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="QUERY...")]

app = tyro.extras.SubcommandApp()


@app.command
def extract(
    images: Images,
    run: str,
    descriptor: DescriptorConfig = DescriptorConfig(),
    compute: ComputeConfig = ComputeConfig(),
    failures: FailureConfig = FailureConfig(),
    profile: bool = False,
    json: bool = False,
) -> None:
    """Describe every image of a collection.

    Args:
        images: A folder, s3://bucket/prefix, a glob, or a .txt, .csv or .parquet list of URIs.
        run: Folder or URL for everything that is computed.
        descriptor: What is computed.
        compute: How the work is spread.
        failures: What is done about images that fail.
        profile: Say what the time went into, and what was waited for.
        json: Write JSON, as is done through a pipe; it always has the profile.
    """
    from osrmac.distributed.startup import begin

    begin(images, run, compute, "osrmac.commands.extract")
    from osrmac.commands.extract import extract as step

    found = step(images, run, descriptor, compute, failures)
    _report(found, run, json=json)
    if profile and not terminal.as_json(json):
        terminal.show(*terminal.profile(found.profile))


@app.command
def fit(
    run: str,
    selection: ReductionConfig = ReductionConfig(),
    compute: ComputeConfig = ComputeConfig(),
    json: bool = False,
) -> None:
    """Select features, and write the descriptors shortened.

    Args:
        run: Folder or URL of the run.
        selection: What is kept, and how it is chosen.
        compute: How the work is spread.
        json: Write a line of JSON a selection, as is done through a pipe.
    """
    from osrmac.commands.fit import fit as step

    found = step(run, selection, compute)
    if terminal.as_json(json):
        terminal.write_json(_plain(each) for each in found)
        return
    for each in found:
        terminal.say(
            f"{each.name}: {each.dimension} of {each.features_in}, fitted on {each.samples} of {each.fitted_on}"
        )


@app.command
def evaluate(
    run: str | None = None,
    rankings: str | None = None,
    evaluation: EvaluationConfig = EvaluationConfig(),
    compute: ComputeConfig = ComputeConfig(),
    json: bool = False,
) -> None:
    """Score a run, or rankings of any other system.

    Args:
        run: Folder or URL of the run.
        rankings: Rankings to score instead: a folder with a text file a query, or INRIA's one file.
        evaluation: The benchmark.
        compute: How the work is spread.
        json: Write JSON, as is done through a pipe.
    """
    from osrmac.commands.evaluate import evaluate as step
    from osrmac.commands.evaluate import evaluate_rankings

    if rankings is not None:
        scores = evaluate_rankings(rankings, evaluation, run)
    elif run is not None:
        scores = step(run, evaluation, compute)
    else:
        raise ConfigError("nothing to score: give --run, or --rankings")
    if terminal.as_json(json):
        terminal.write_json([scores.to_json()])
    else:
        _show(scores)


@app.command(name="run")
def run_all(
    images: Images,
    run: str,
    descriptor: DescriptorConfig = DescriptorConfig(),
    compute: ComputeConfig = ComputeConfig(),
    failures: FailureConfig = FailureConfig(),
    selection: ReductionConfig = ReductionConfig(),
    evaluation: EvaluationConfig = EvaluationConfig(),
    json: bool = False,
) -> None:
    """Do all of it: extract, fit and, with a benchmark, evaluate.

    Args:
        images: A folder, s3://bucket/prefix, a glob, or a .txt, .csv or .parquet list of URIs.
        run: Folder or URL for everything that is computed.
        descriptor: What is computed.
        compute: How the work is spread.
        failures: What is done about images that fail.
        selection: What is kept, and how it is chosen.
        evaluation: The benchmark.
        json: Write JSON, as is done through a pipe; what is said goes to standard error then.
    """
    from osrmac.distributed.startup import begin

    begin(images, run, compute, "osrmac.commands.run")
    from osrmac.commands.run import run_all as steps

    extracted, scores = steps(images, run, descriptor, compute, failures, selection, evaluation)
    _report(extracted, run, scores, json=json)
    _say_where(run, json=json)


@app.command
def demo(settings: DemoConfig = DemoConfig(), json: bool = False) -> None:
    """Do all of it on a small collection of bundled photographs.

    Args:
        settings: Where it goes, and the options of the steps.
        json: Write JSON, as is done through a pipe; what is said goes to standard error then.
    """
    from osrmac.demo_collection import make_collection
    from osrmac.distributed.startup import begin

    collection = make_collection(Path(settings.run) / "collection")
    begin(str(collection.images), settings.run, settings.compute, "osrmac.commands.run")
    from osrmac.commands.run import run_all as steps

    truth = EvaluationConfig(benchmark="groups", ground_truth=str(collection.ground_truth))
    extracted, scores = steps(
        str(collection.images),
        settings.run,
        settings.descriptor,
        settings.compute,
        selection=settings.selection,
        evaluation=truth,
    )
    _report(extracted, settings.run, scores, json=json)
    _say_where(str(Path(settings.run).resolve()), json=json)


@app.command
def search(
    queries: Queries,
    run: str,
    comparison: SearchConfig = SearchConfig(),
    html: Path | None = None,
    json: bool = False,
) -> None:
    """Find the images of a run that are nearest to others.

    Args:
        queries: Ids of the run's images; what is none is a path or URL of any image (./NAME always is).
        run: Folder or URL of the run.
        comparison: What is looked for.
        html: Also write a contact sheet: one file that opens in any browser.
        json: Write a line of JSON a match, as is done through a pipe.
    """
    from osrmac.commands.search import search as step

    found = step(run, queries, comparison)
    if html is not None:
        from osrmac.pages.contact_sheet import search_sheet

        _write_sheet(html, search_sheet(run, found))
    if terminal.as_json(json):
        terminal.write_json(
            {"query": each.query, "rank": match.rank, "id": match.id, "uri": match.uri, "distance": match.distance}
            for each in found.queries
            for match in each.matches
        )
        return
    for each in found.queries:
        rows = [(match.rank, match.distance, match.id) for match in each.matches]
        terminal.show(terminal.table(each.query, ("", found.distance, "id"), rows, f"compared by {found.method}"))


@app.command
def duplicates(
    run: RunArgument, comparison: DuplicatesConfig = DuplicatesConfig(), html: Path | None = None, json: bool = False
) -> None:
    """Group the images of a run that are nearly the same.

    Args:
        run: Folder or URL of the run.
        comparison: What counts as the same.
        html: Also write a contact sheet: one file that opens in any browser.
        json: Write a line of JSON an image, as is done through a pipe.
    """
    from osrmac.commands.duplicates import duplicates as step

    found = step(run, comparison)
    if html is not None:
        from osrmac.pages.contact_sheet import duplicates_sheet

        _write_sheet(html, duplicates_sheet(run, found))
    rows = [(number, image) for number, group in enumerate(found.groups, 1) for image in group]
    said = (
        f"{len(rows)} images in {len(found.groups)} groups, compared by {found.method}: {found.distance} up to "
        f"{found.threshold:.4g}, {found.reason}"
    )
    if terminal.as_json(json):
        terminal.write_json({"group": number, **asdict(image)} for number, image in rows)
        terminal.say(said, aside=True)
        return
    shown = [(number, image.distance, f"{image.width} x {image.height}", image.id) for number, image in rows]
    terminal.show(terminal.table("Near duplicates", ("group", found.distance, "size", "id"), shown, said))


@app.command
def info(run: RunArgument, json: bool = False) -> None:
    """Say what a run is and what it holds.

    Args:
        run: Folder or URL of the run.
        json: Write JSON, as is done through a pipe.
    """
    from osrmac.commands.info import info as step

    found = step(run)
    if terminal.as_json(json):
        terminal.write_json([found])
    else:
        terminal.show(*terminal.overview(found))


@app.command
def weigh(
    run: str,
    evaluation: EvaluationConfig = EvaluationConfig(),
    weights: LayerWeightsConfig = LayerWeightsConfig(),
    compute: ComputeConfig = ComputeConfig(),
    json: bool = False,
) -> None:
    """Weigh the layers of a descriptor, as given or as scores best.

    Args:
        run: Folder or URL of the run.
        evaluation: The benchmark that the weights are fitted on.
        weights: What is weighed.
        compute: How the work is spread.
        json: Write JSON, as is done through a pipe.
    """
    from osrmac.commands.fit_weights import weigh as step

    found = step(run, evaluation, weights, compute)
    if terminal.as_json(json):
        terminal.write_json([{**_plain(found), "weights": found.weights}])
        return
    terminal.say(f"{found.name}: {' '.join(f'{weight:g}' for weight in found.weights)}, {found.fitted_on}")


@app.command
def sweep(
    run: str,
    evaluation: EvaluationConfig = EvaluationConfig(),
    numbers: SweepConfig = SweepConfig(),
    compute: ComputeConfig = ComputeConfig(),
    json: bool = False,
) -> None:
    """Draw the score against the number of features.

    Args:
        run: Folder or URL of the run.
        evaluation: The benchmark.
        numbers: What is tried.
        compute: How the work is spread.
        json: Write JSON, as is done through a pipe.
    """
    from osrmac.commands.sweep import sweep as step

    found = step(run, evaluation, numbers, compute)
    if terminal.as_json(json):
        terminal.write_json([found])
    terminal.say(
        f"{len(found.points)} scores in {run}/evaluation/{found.benchmark}-sweep.json, drawn in the .svg beside it",
        aside=terminal.as_json(json),
    )


@app.command
def tables(run: RunArgument, json: bool = False) -> None:
    """Set a run's scores beside the paper's.

    Args:
        run: Folder or URL of a run that was scored on holidays, ukbench, oxford5k or paris6k.
        json: Write a line of JSON a table, as is done through a pipe.
    """
    from osrmac.commands.paper import paper

    found = paper(run)
    if terminal.as_json(json):
        terminal.write_json(table.to_json() for table in found)
        return
    terminal.show(*(terminal.render(table.table()) for table in found))


@app.command
def report(run: RunArgument, json: bool = False) -> None:
    """Write a page that shows what a run holds and how good it is.

    Args:
        run: Folder or URL of the run; the page is report.html in it.
        json: Write JSON.
    """
    from osrmac.commands.report import report as step

    written = step(run)
    if terminal.as_json(json):
        terminal.write_json([{"report": written}])
    else:
        terminal.say(f"report in {written}")


@app.command
def verify(run: RunArgument, compute: ComputeConfig = ComputeConfig(), json: bool = False) -> None:
    """Check that a run holds every planned image once, soundly.

    Args:
        run: Folder or URL of the run.
        compute: How the work is spread.
        json: Write a line of JSON a problem, as is done through a pipe.
    """
    from osrmac.commands.verify import problems

    found = 0
    for found, problem in enumerate(problems(run, compute), 1):  # noqa: B007
        if terminal.as_json(json):
            terminal.write_json([{"problem": problem}])
        else:
            terminal.say(problem)
    if found:
        raise StorageError(f"{run} has {found} problems: what is missing comes with osrmac extract, as before")
    terminal.say(f"{run} is whole", aside=terminal.as_json(json))


@app.command
def export(
    output: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")],
    run: str,
    vectors: ExportConfig,
    json: bool = False,
) -> None:
    """Write the vectors of a run for LanceDB, FAISS or NumPy.

    Args:
        output: Folder to make.
        run: Folder or URL of the run.
        vectors: For which tool.
        json: Write JSON, as is done through a pipe.
    """
    from osrmac.commands.export import export as step

    found = step(run, output, vectors)
    if terminal.as_json(json):
        terminal.write_json([found])
        return
    terminal.say(f"{found.images} vectors of {found.dimension} numbers, {found.method}, in {output}")


@app.command
def explain(
    image: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE")],
    output: str = "explain.png",
    descriptor: DescriptorConfig = DescriptorConfig(),
) -> None:
    """Draw where the class activation map of an image looks.

    Args:
        image: Path or URL of an image.
        output: Picture to write.
        descriptor: Backbone, weights and scales.
    """
    from osrmac.commands.cam import explain as step

    step(image, output, descriptor)
    terminal.say(f"photo, heatmap and mask in {output}", aside=True)


def _report(found: Extracted, run: str, scores: Evaluation | None = None, *, json: bool) -> None:
    """Say what a run has come to hold; where that is written as JSON, it is said aside."""
    from osrmac.storage.filesystem import to_unicode

    aside = terminal.as_json(json)
    changes = found.changes
    if changes.changed or changes.removed:
        line = f"{changes.changed} images have changed, {changes.removed} are gone; the rows of those stay"
        terminal.say(line, aside=aside)
    said = f"{found.described} images described, {found.failed} failed, {found.new} of them now: {run}"
    terminal.say(said, aside=aside)
    for kind in found.failures[:_FAILURES_SHOWN]:
        terminal.say(f"  {kind}", aside=aside)
    if aside:
        scored = {} if scores is None else {"evaluation": scores.to_json()}
        terminal.write_json([{"run": to_unicode(run), "failed": found.failed, **asdict(found), **scored}])
    elif scores is not None:
        _show(scores)


def _say_where(run: str, *, json: bool) -> None:
    from osrmac.storage.run import Run

    terminal.say(f"outputs in {run}; look at them in {Run(run).report}", aside=terminal.as_json(json))


def _show(scores: Evaluation) -> None:
    from osrmac.evaluation.score_tables import scores_tables

    terminal.show(*map(terminal.render, scores_tables(scores)))


def _plain(fitted: Reduction) -> dict[str, Any]:
    """What a selection is, without its indices or axes, which are in the run."""
    return {
        "name": fitted.name,
        "method": fitted.method,
        "recipe": fitted.recipe,
        "features_in": fitted.features_in,
        "dimension": fitted.dimension,
        "samples": fitted.samples,
        "fitted_on": fitted.fitted_on,
    }


def _write_sheet(file: Path, page: str) -> None:
    from osrmac.storage.filesystem import write_atomically

    write_atomically(str(file), page.encode())
    terminal.say(f"contact sheet in {file}", aside=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a user's error becomes one line on standard error and exit status 1.

    Args:
        arguments: What follows `osrmac`; none: the process's own arguments.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    try:
        app.cli(
            prog="osrmac",
            description="Instance-level image search at scale. --debug after any command shows tracebacks.",
            args=[argument for argument in given if argument != "--debug"],
            config=(tyro.conf.OmitArgPrefixes,),
        )
    except OsrmacError as error:
        if debug:
            raise
        terminal.say(f"osrmac: {error}", aside=True)
        sys.exit(1)
