"""Every step from images to scores."""

from __future__ import annotations

from osrmac.commands.evaluate import evaluate
from osrmac.commands.extract import Extracted, extract
from osrmac.commands.fit import fit
from osrmac.commands.report import report
from osrmac.config import ComputeConfig, DescriptorConfig, EvaluationConfig, FailureConfig, ReductionConfig
from osrmac.evaluation.results import Evaluation

__all__ = ["run_all"]


def run_all(
    images: str,
    run: str,
    descriptor: DescriptorConfig = DescriptorConfig(),
    compute: ComputeConfig = ComputeConfig(),
    failures: FailureConfig = FailureConfig(),
    selection: ReductionConfig = ReductionConfig(),
    evaluation: EvaluationConfig = EvaluationConfig(),
) -> tuple[Extracted, Evaluation | None]:
    """Describe a collection, select features and, if a benchmark is named, score them; a report is written at the end.

    Steps whose results are there already are not done again.

    Returns:
        What was described, and the scores if a benchmark was named.

    Raises:
        OsrmacError: As the steps do.
    """
    extracted = extract(images, run, descriptor, compute, failures)
    fit(run, selection, compute)
    scores = evaluate(run, evaluation, compute) if evaluation.benchmark is not None else None
    report(run)
    return extracted, scores
