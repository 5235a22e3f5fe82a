"""All steps from images to scores."""

from __future__ import annotations

from dataclasses import dataclass

from osrmac.commands.checks import check_benchmark, check_reduction
from osrmac.commands.evaluate import evaluate
from osrmac.commands.extract import Extraction, extract
from osrmac.commands.fit import fit
from osrmac.config import (
    CollectionConfig,
    ComputeConfig,
    DescriptorConfig,
    EvaluationConfig,
    FailureConfig,
    ReductionConfig,
)
from osrmac.evaluation.results import Evaluation
from osrmac.progress import stage
from osrmac.reduction.base import Reduction
from osrmac.runs.benchmarks.distractors import require_distractors
from osrmac.runs.reductions.stored import kept_reductions
from osrmac.storage.run import Identity, Run

__all__ = ["RunResult", "run"]


@dataclass(frozen=True)
class RunResult:
    """Results of all steps.

    Attributes:
        extraction: Result of the extraction.
        reductions: Reductions that were fitted, or were there already.
        evaluation: Scores, if a benchmark was named.
        report: URL of the report.
    """

    extraction: Extraction
    reductions: tuple[Reduction, ...]
    evaluation: Evaluation | None
    report: str


def run(
    images: str,
    run: str,
    descriptor: DescriptorConfig = DescriptorConfig(),
    compute: ComputeConfig = ComputeConfig(),
    failures: FailureConfig = FailureConfig(),
    reduction: ReductionConfig = ReductionConfig(),
    evaluation: EvaluationConfig = EvaluationConfig(),
    collection: CollectionConfig = CollectionConfig(),
) -> RunResult:
    """Describe a collection, fit reductions, score them if a benchmark is named, and write the report.

    All options are checked before the first image is described. Results that the run has already are not computed
    again.

    Args:
        images: Folder, bucket prefix, glob, or list of URIs: see `osrmac.storage.listing.collection.listing`.
        run: Folder or URL of the run; it is created if missing, and continued if it exists.
        descriptor: Descriptors to compute.
        compute: Processes that describe, and the cluster that they run on.
        failures: Retries and timeouts, and how many images may fail.
        reduction: Descriptor, dimensions and method of the reductions.
        evaluation: Benchmark, or none.
        collection: Whether the collection may have moved since an earlier call.

    Raises:
        OsrmacError: See `extract`, `fit` and `evaluate`.
    """
    if evaluation.benchmark is not None:
        check_benchmark(evaluation)

    def check(identity: Identity) -> None:
        check_reduction(identity, reduction)
        kept_reductions(Run(run), identity, reduction)
        if evaluation.distractors is not None:
            require_distractors(identity, evaluation.distractors)

    extraction = extract(images, run, descriptor, compute, failures, collection, check)
    reductions = fit(run, reduction, compute)
    scores = evaluate(run, evaluation, compute) if evaluation.benchmark is not None else None
    from osrmac.commands.report import report

    with stage("writing the report"):
        url = report(run)
    return RunResult(extraction, tuple(reductions), scores, url)
