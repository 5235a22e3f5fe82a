"""The `osrmac` command: each subcommand's options are the config dataclasses."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import Console

from osrmac.config import (
    ComputeConfig,
    DemoConfig,
    DescriptorConfig,
    EvaluationConfig,
    FailureConfig,
    SelectionConfig,
    SweepConfig,
    WeighConfig,
)
from osrmac.errors import ConfigError, OsrmacError, StorageError, reason

if TYPE_CHECKING:
    from osrmac.pipeline.extract import Extracted
    from osrmac.retrieval.report import Evaluation

__all__ = ["main"]

_FAILURES_SHOWN = 5

Images = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGES")]

app = tyro.extras.SubcommandApp()


@app.command
def extract(
    images: Images,
    run: str,
    descriptor: DescriptorConfig = DescriptorConfig(),
    compute: ComputeConfig = ComputeConfig(),
    failures: FailureConfig = FailureConfig(),
) -> None:
    """Describe every image of a collection.

    Args:
        images: A folder, s3://bucket/prefix, a glob, or a .txt, .csv or .parquet list of URIs.
        run: Folder or URL for everything that is computed.
        descriptor: What is computed.
        compute: How the work is spread.
        failures: What is done about images that fail.
    """
    from osrmac.pipeline.extract import extract as step

    _report(step(images, run, descriptor, compute, failures), run)


@app.command
def fit(run: str, selection: SelectionConfig = SelectionConfig(), compute: ComputeConfig = ComputeConfig()) -> None:
    """Select features, and write the descriptors shortened.

    Args:
        run: Folder or URL of the run.
        selection: What is kept, and how it is chosen.
        compute: How the work is spread.
    """
    from osrmac.pipeline.fit import fit as step

    for found in step(run, selection, compute):
        _say(f"{found.name}: {found.dimension} of {found.features_in}, fitted on {found.samples} of {found.fitted_on}")


@app.command
def evaluate(
    run: str | None = None,
    rankings: str | None = None,
    evaluation: EvaluationConfig = EvaluationConfig(),
    compute: ComputeConfig = ComputeConfig(),
) -> None:
    """Score a run, or rankings of any other system.

    Args:
        run: Folder or URL of the run.
        rankings: Rankings to score instead: a folder with a text file a query, or INRIA's one file.
        evaluation: The benchmark.
        compute: How the work is spread.
    """
    from osrmac.pipeline.evaluate import evaluate as step
    from osrmac.pipeline.evaluate import evaluate_rankings

    if rankings is not None:
        _show(evaluate_rankings(rankings, evaluation, run))
    elif run is not None:
        _show(step(run, evaluation, compute))
    else:
        raise ConfigError("nothing to score: give --run, or --rankings")


@app.command(name="run")
def run_all(
    images: Images,
    run: str,
    descriptor: DescriptorConfig = DescriptorConfig(),
    compute: ComputeConfig = ComputeConfig(),
    failures: FailureConfig = FailureConfig(),
    selection: SelectionConfig = SelectionConfig(),
    evaluation: EvaluationConfig = EvaluationConfig(),
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
    """
    from osrmac.pipeline.run import run_all as steps

    extracted, scores = steps(images, run, descriptor, compute, failures, selection, evaluation)
    _report(extracted, run)
    if scores is not None:
        _show(scores)
    _say(f"outputs in {run}")


@app.command
def demo(settings: DemoConfig = DemoConfig()) -> None:
    """Do all of it on a small collection made from bundled photographs."""
    from osrmac.demo import make_collection
    from osrmac.pipeline.run import run_all as steps

    collection = make_collection(Path(settings.run) / "collection")
    truth = EvaluationConfig(benchmark="groups", ground_truth=str(collection.ground_truth))
    extracted, scores = steps(
        str(collection.images),
        settings.run,
        settings.descriptor,
        settings.compute,
        selection=settings.selection,
        evaluation=truth,
    )
    _report(extracted, settings.run)
    if scores is not None:
        _show(scores)
    _say(f"outputs in {Path(settings.run).resolve()}")


@app.command
def weigh(
    run: str,
    evaluation: EvaluationConfig = EvaluationConfig(),
    options: WeighConfig = WeighConfig(),
    compute: ComputeConfig = ComputeConfig(),
) -> None:
    """Weigh the layers of msrmac or another descriptor of several, as given or as a benchmark finds best.

    Args:
        run: Folder or URL of the run.
        evaluation: The benchmark that the weights are fitted on.
        options: What is weighed.
        compute: How the work is spread.
    """
    from osrmac.pipeline.weigh import weigh as step

    found = step(run, evaluation, options, compute)
    _say(f"{found.name}: {' '.join(f'{weight:g}' for weight in found.weights)}, {found.fitted_on}")


@app.command
def sweep(
    run: str,
    evaluation: EvaluationConfig = EvaluationConfig(),
    options: SweepConfig = SweepConfig(),
    compute: ComputeConfig = ComputeConfig(),
) -> None:
    """Draw the score against the number of features, for PFA, its controls and PCA-whitening.

    Args:
        run: Folder or URL of the run.
        evaluation: The benchmark.
        options: What is tried.
        compute: How the work is spread.
    """
    from osrmac.pipeline.sweep import sweep as step

    found = step(run, evaluation, options, compute)
    _say(f"{len(found.points)} scores in {run}/evaluation/{found.benchmark}-sweep.json, drawn in the .png beside it")


@app.command
def tables(run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]) -> None:
    """Set a run's scores beside the paper's.

    Args:
        run: Folder or URL of a run that was scored on holidays, ukbench, oxford5k or paris6k.
    """
    from osrmac.pipeline.tables import tables as step

    for table in step(run):
        Console().print(table.terminal())
        _say("\n".join(f"{name}: {value}" for name, value in table.conditions.items()))


@app.command
def verify(
    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")], compute: ComputeConfig = ComputeConfig()
) -> None:
    """Check that a run holds every planned image once, with sound descriptors; nothing is mended.

    Args:
        run: Folder or URL of the run.
        compute: How the work is spread.
    """
    from osrmac.pipeline.verify import problems

    found = 0
    for found, problem in enumerate(problems(run, compute), 1):  # noqa: B007
        _say(problem)
    if found:
        raise StorageError(f"{run} has {found} problems: what is missing comes with osrmac extract, as before")
    _say(f"{run} is whole")


@app.command
def explain(
    image: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE")],
    output: str = "explain.png",
    descriptor: DescriptorConfig = DescriptorConfig(),
) -> None:
    """Show where the class activation map of an image looks: photo, heatmap and mask.

    Args:
        image: Path or URL of an image.
        output: Picture to write.
        descriptor: Backbone, weights and scales.
    """
    from osrmac.descriptor.describer import Describer
    from osrmac.descriptor.explain import explain as picture
    from osrmac.descriptor.images import DecodeError, decode
    from osrmac.storage.fetch import Fetcher

    (content,) = Fetcher()([image])
    if isinstance(content, Exception):
        raise StorageError(f"cannot read {image}: {reason(content)}")
    try:
        photo = decode(content, exif_orientation=descriptor.exif_orientation, max_pixels=descriptor.max_pixels)
    except DecodeError as error:
        raise StorageError(f"cannot read {image}: {error}") from error
    picture(Describer.load(descriptor), photo).save(output)
    _say(f"photo, heatmap and mask in {output}")


def _report(found: Extracted, run: str) -> None:
    changes = found.changes
    if changes.changed or changes.gone:
        _say(f"{changes.changed} images have changed, {changes.gone} are gone; the rows of those stay")
    _say(f"{found.described} images described, {found.failed} failed, {found.new} of them now: {run}")
    for kind in found.failures[:_FAILURES_SHOWN]:
        _say(f"  {kind}")


def _show(scores: Evaluation) -> None:
    from osrmac.retrieval.report import table

    Console().print(table(scores))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


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
        sys.stderr.write(f"osrmac: {error}\n")
        sys.exit(1)
