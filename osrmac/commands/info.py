"""Summarize a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from osrmac.commands.copies import Copy, list_copies
from osrmac.credentials import redact_all
from osrmac.evaluation.results import Evaluation
from osrmac.progress import stage
from osrmac.runs.evaluations import load_evaluations
from osrmac.runs.failures import Failures, summary
from osrmac.runs.index.summary import IndexInfo, list_indexes
from osrmac.runs.reductions.stored import digests
from osrmac.runs.shard_reader import refused_if_pruned
from osrmac.storage import manifest, shards
from osrmac.storage.file_names import to_unicode
from osrmac.storage.run import Run

__all__ = ["ReductionInfo", "RunInfo", "info"]


@dataclass(frozen=True)
class ReductionInfo:
    """A reduction of a run.

    Attributes:
        dimension: Length of the reduced vectors.
        name: Name of the reduction.
        method: `leverage`, `leverage-centred`, `pfa`, `random`, `variance`, `whitening`, `projection` or `weights`.
        recipe: Descriptor that is reduced.
        fitted_on: Collection that it was fitted on.
        samples: Number of descriptors that it was fitted on.
        digest: Digest of the reduction.
    """

    dimension: int
    name: str
    method: str
    recipe: str
    fitted_on: str
    samples: int
    digest: str


@dataclass(frozen=True)
class RunInfo:
    """Summary of a run.

    Attributes:
        run: Folder or URL of the run.
        images: The collection, as it was given to the extraction.
        planned: Number of planned images.
        described: Number of images with descriptors.
        skipped: Numbers of files, by kind, that the last listing of the collection passed over.
        failures: Images without descriptors, grouped by stage and reason.
        descriptor: Options of the descriptors, under their stored names.
        weights: Source of the weights.
        fingerprint: Fingerprint of the descriptors.
        dimensions: Length of the descriptor of each recipe.
        reductions: Reductions of the run.
        search_methods: Method that a search uses by default, by recipe, as decided when reductions were fitted.
        indexes: Approximate indexes of the run.
        evaluations: Scores of the run.
        copies: Exports and contact sheets of the run.
        stages: Time, and further facts, of each finished command.
        versions: Versions of osrmac, Python and packages that the run was last extracted with.
    """

    run: str
    images: str
    planned: int
    described: int
    skipped: Mapping[str, int]
    failures: tuple[Failures, ...]
    descriptor: Mapping[str, Any]
    weights: str
    fingerprint: str
    dimensions: Mapping[str, int]
    reductions: tuple[ReductionInfo, ...]
    search_methods: Mapping[str, str]
    indexes: tuple[IndexInfo, ...]
    evaluations: tuple[Evaluation, ...]
    copies: tuple[Copy, ...]
    stages: Mapping[str, Mapping[str, Any]]
    versions: Mapping[str, str]

    @property
    def failed(self) -> int:
        """Number of images without descriptors."""
        return sum(kind.count for kind in self.failures)

    def to_json(self) -> dict[str, Any]:
        """Return the summary under the names of the JSON output."""
        return {
            "run": to_unicode(self.run),
            "images": self.images,
            "counts": {"planned": self.planned, "described": self.described, "failed": self.failed},
            "skipped": self.skipped,
            "failures": [asdict(kind) for kind in self.failures],
            "descriptor": self.descriptor,
            "weights": self.weights,
            "fingerprint": self.fingerprint,
            "dimensions": self.dimensions,
            "selections": [asdict(reduction) for reduction in self.reductions],
            "search": self.search_methods,
            "indexes": [asdict(index) for index in self.indexes],
            "evaluations": [evaluation.to_json() for evaluation in self.evaluations],
            "copies": [asdict(copy) for copy in self.copies],
            "stages": self.stages,
            "versions": self.versions,
        }


@refused_if_pruned
def info(run: str) -> RunInfo:
    """Summarize a run; its images are counted in the shards.

    Raises:
        NotFoundError: No run.
    """
    place = Run(run)
    record = place.record()
    with stage("counting"):
        described, failures = summary(place)
    known = digests(place)
    return RunInfo(
        run=run,
        images=record["images"],
        planned=sum(plan.rows for plan in manifest.shard_plans(place.manifest)),
        described=described,
        skipped=record.get("skipped", {}),
        failures=tuple(failures),
        descriptor=redact_all(record["descriptor"]),
        weights=record["weights"],
        fingerprint=record["fingerprint"],
        dimensions=record["dimensions"],
        reductions=tuple(_reduction_info(place, stored, known[name]) for name, stored in place.selections().items()),
        search_methods=place.search_methods(),
        indexes=tuple(list_indexes(place, known)),
        evaluations=tuple(load_evaluations(place).values()),
        copies=tuple(list_copies(place, described)),
        stages=record["stages"],
        versions={"osrmac": record["osrmac"], **record["versions"]},
    )


def _reduction_info(run: Run, stored: Mapping[str, Any], digest: str) -> ReductionInfo:
    if "indices" in stored:
        dimension = len(stored["indices"])
    elif "weights" in stored:
        dimension = stored["features_in"]
    else:
        dimension = shards.footer(run.axes(stored["name"])).num_rows
    names = ("name", "method", "recipe", "fitted_on", "samples")
    return ReductionInfo(dimension, **{name: stored[name] for name in names}, digest=digest)
