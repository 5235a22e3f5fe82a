"""All steps on a small collection made from photographs that Python packages bring."""

from __future__ import annotations

from pathlib import Path

from osrmac.commands.checks import check_descriptor, check_writable
from osrmac.commands.run import RunResult
from osrmac.commands.run import run as run_all
from osrmac.config import (
    DEMO_DESCRIPTOR,
    CollectionConfig,
    ComputeConfig,
    DescriptorConfig,
    EvaluationConfig,
    ReductionConfig,
)
from osrmac.progress import stage
from osrmac.storage.location import Location

__all__ = ["demo"]


def demo(
    run: str = "osrmac-demo",
    descriptor: DescriptorConfig = DEMO_DESCRIPTOR,
    compute: ComputeConfig = ComputeConfig(),
    reduction: ReductionConfig = ReductionConfig(),
) -> RunResult:
    """Make the demo collection, describe it, fit reductions, score them, and write the report.

    Args:
        run: Local folder of the run; the images are written to `collection` in it.
        descriptor: Descriptors to compute.
        compute: Processes that describe, and the cluster that they run on.
        reduction: Descriptor, dimensions and method of the reductions.

    Raises:
        ConfigError: The packages with the photographs or the weights are not installed.
        OsrmacError: See `osrmac.commands.run.run`.
    """
    check_descriptor(descriptor)
    check_writable(Location.of(run))
    from osrmac.demo_collection import make_collection

    with stage("making the collection"):
        collection = make_collection(Path(run) / "collection")
    return run_all(
        str(collection.images),
        run,
        descriptor,
        compute,
        reduction=reduction,
        evaluation=EvaluationConfig(benchmark="groups", ground_truth=str(collection.ground_truth)),
        collection=CollectionConfig(moved=True),  # the collection moves with the folder of the run
    )
