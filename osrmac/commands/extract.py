"""Describe the images of a collection."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import pyarrow as pa

from osrmac.commands.checks import check_descriptor, check_writable
from osrmac.config import ComputeConfig, DescriptorConfig, FailureConfig
from osrmac.progress import Stage, note, stage
from osrmac.runs.failures import Failures, failed_ids, summary
from osrmac.stopwatch import Stopwatch
from osrmac.storage import manifest, schema
from osrmac.storage.file_names import to_unicode
from osrmac.storage.listing import listing
from osrmac.storage.location import Location
from osrmac.storage.lock import Part, locked
from osrmac.storage.manifest import Changes
from osrmac.storage.run import Identity, Run

__all__ = ["Extraction", "Profile", "extract"]

_RECORDED_PACKAGES = ("ray", "torch", "torchvision", "pyarrow", "pillow", "numpy")


@dataclass(frozen=True)
class Profile:
    """Time of an extraction in seconds.

    Attributes:
        command: Wall time of the command by stage, one after the other.
        processes: Number of describing processes.
        describing: Time of all describing processes together, by stage.
    """

    command: dict[str, float]
    processes: int
    describing: dict[str, float]


@dataclass(frozen=True)
class Extraction:
    """Result of an extraction.

    Attributes:
        run: Folder or URL of the run.
        described: Number of images with descriptors.
        failures: Images without descriptors, grouped by stage and reason.
        new: Number of images that this call described, or failed to.
        changes: Differences between the collection and the images planned before.
        profile: Time of this call by stage.
    """

    run: str
    described: int
    failures: tuple[Failures, ...]
    new: int
    changes: Changes
    profile: Profile

    @property
    def failed(self) -> int:
        """Number of images without descriptors."""
        return sum(kind.count for kind in self.failures)

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        changes = {"new": self.changes.new, "changed": self.changes.changed, "gone": self.changes.removed}
        return asdict(self) | {"run": to_unicode(self.run), "failed": self.failed, "changes": changes}


def extract(
    images: str,
    run: str,
    descriptor: DescriptorConfig = DescriptorConfig(),
    compute: ComputeConfig = ComputeConfig(),
    failures: FailureConfig = FailureConfig(),
    check: Callable[[Identity], None] | None = None,
) -> Extraction:
    """Describe every image of a collection that the run does not have yet.

    Args:
        images: Folder, bucket prefix, glob, or list of URIs: see `osrmac.storage.listing.listing`.
        run: Folder or URL of the run; it is created if missing, and continued if it exists.
        descriptor: Descriptors to compute.
        compute: Processes that describe, and the cluster that they run on.
        failures: Retries and timeouts, and how many images may fail.
        check: Called with what the descriptors are before any image is described; it raises to refuse them.

    Raises:
        OsrmacError: No images, an unknown backbone, layer or recipe, no weights, a run with other settings or in use
            by another process, too small a cluster, or too many failures.
    """
    watch = Stopwatch()
    place = Run(run)
    check_descriptor(descriptor)
    check_writable(place.location)
    with stage("listing"):
        listed = listing(Location.of(images))
    # Imported here, and Ray meanwhile started, so that the errors above are reported at once.
    from osrmac.distributed.startup import connect_while_importing

    connect_while_importing(images, run, compute, "osrmac.distributed.describe")
    from osrmac.distributed.describe import describe
    from osrmac.distributed.node_trace import trace_nodes
    from osrmac.runs.identity import identify, rows_per_shard

    with watch("weights"), stage("loading weights"):
        identity, weights = identify(descriptor)
    for remark in weights.remarks:
        note(remark)
    if check is not None:
        check(identity)
    with locked(place.location, Part.DESCRIPTORS) as lock:
        with watch("plan"), stage("listing") as progress:
            place.open(identity, to_unicode(images), _versions())
            changes = manifest.update(place.manifest, _counted(listed, progress), rows_per_shard(identity, compute))
            if failures.retry_failed:
                manifest.replan(place.manifest, failed_ids(place))
        with watch("describe"), trace_nodes() as nodes:
            done = describe(place.manifest, place.descriptors, identity, weights, compute, failures)
        with watch("summary"), stage("counting"):
            described, failure_kinds = summary(place)
        profile = Profile(watch.take(), done.workers, done.seconds)
        lock.confirm()
        result = Extraction(run, described, tuple(failure_kinds), done.rows, changes, profile)
        place.set_counts({"planned": described + result.failed, schema.OK: described, schema.FAILED: result.failed})
        if done.rows:
            seconds = sum(profile.command.values())
            place.finish_stage("extract", seconds, images=done.rows, nodes=nodes, profile=asdict(profile))
    return result


def _versions() -> dict[str, str]:
    return {name: version(name) for name in _RECORDED_PACKAGES} | {"python": platform.python_version()}


def _counted(tables: Iterable[pa.Table], progress: Stage) -> Iterator[pa.Table]:
    """Yield the tables, and show the number of their rows."""
    rows = 0
    for table in tables:
        rows += table.num_rows
        progress.update(rows)
        yield table
