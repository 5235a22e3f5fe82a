"""Describe the images of a collection."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pyarrow as pa

from osrmac.commands.checks import check_descriptor, check_separate, check_writable
from osrmac.commands.copies import note_stale_exports
from osrmac.config import CollectionConfig, ComputeConfig, DescriptorConfig, FailureConfig
from osrmac.credentials import without_credentials
from osrmac.errors import DamagedFileError
from osrmac.progress import note, stage, warn
from osrmac.runs.failures import Failures, failed_ids, summary, unsound_shards
from osrmac.runs.summary.throughput import Throughput
from osrmac.stopwatch import Stopwatch
from osrmac.storage import manifest, schema, shards
from osrmac.storage.file_names import to_unicode
from osrmac.storage.listing.collection import listing
from osrmac.storage.listing.member_indexes import MemberIndexes
from osrmac.storage.listing.skipped import Skipped, describe_skipped
from osrmac.storage.location import Location
from osrmac.storage.lock import Part, locked
from osrmac.storage.manifest import Changes, ShardCount
from osrmac.storage.reading.access import AccessUrls, CredentialFilter
from osrmac.storage.run import Identity, Run

__all__ = ["Extraction", "Profile", "extract"]

_LONGEST_WRITE = 3600.0
"""Seconds after which a hidden file in a run's folder is one of a killed process; other commands write there, too."""

_RECORDED_PACKAGES = ("ray", "torch", "torchvision", "pyarrow", "pillow", "pillow-heif", "numpy")
"""Packages whose versions a run states, if they are installed."""


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
        skipped: Numbers of files, by kind, that the listing passed over: the suffix in lower case, `no suffix`,
            `hidden`, `special` (pipes, sockets and devices), or `other kinds`.
        profile: Time of this call by stage.
    """

    run: str
    described: int
    failures: tuple[Failures, ...]
    new: int
    changes: Changes
    skipped: Mapping[str, int]
    profile: Profile

    @property
    def failed(self) -> int:
        """Number of images without descriptors."""
        return sum(kind.count for kind in self.failures)

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        counts = self.changes
        changes = {"new": counts.new, "changed": counts.changed, "moved": counts.moved, "gone": counts.removed}
        changes |= {"pruned": counts.pruned, "relabelled": counts.relabelled}
        return asdict(self) | {"run": to_unicode(self.run), "failed": self.failed, "changes": changes}


def extract(
    images: str,
    run: str,
    descriptor: DescriptorConfig = DescriptorConfig(),
    compute: ComputeConfig = ComputeConfig(),
    failures: FailureConfig = FailureConfig(),
    collection: CollectionConfig = CollectionConfig(),
    check: Callable[[Identity], None] | None = None,
) -> Extraction:
    """Describe every image of a collection that the run does not have yet.

    Args:
        images: Folder, bucket prefix, glob, or list of URIs: see `osrmac.storage.listing.collection.listing`.
        run: Folder or URL of the run; it is created if missing, and continued if it exists.
        descriptor: Descriptors to compute.
        compute: Processes that describe, and the cluster that they run on.
        failures: Retries, limits and timeouts, and how many images may fail.
        collection: Whether the collection may have moved since an earlier call.
        check: Called with what the descriptors are before any image is described; it raises to refuse them.

    Raises:
        OsrmacError: No images, an unknown backbone, layer or recipe, no weights, a run with other settings or in use
            by another process, too small a cluster, or too many failures.
    """
    watch = Stopwatch()
    place, source = Run(run), Location.of(images)
    skipped, indexes = Skipped(), MemberIndexes(place.archives)
    _check(source, place, descriptor)
    with stage("listing"):
        listed = listing(source, place.location, skipped, indexes, collection.image_column)
    # Imported here, and Ray meanwhile started, so that the errors above are reported at once.
    from osrmac.distributed.cluster.startup import connect_while_importing

    connect_while_importing(images, run, compute, "osrmac.distributed.describe")
    from osrmac.distributed.describe import describe
    from osrmac.distributed.monitoring.node_trace import trace_nodes
    from osrmac.distributed.sharding import shard_count
    from osrmac.runs.identity import identify

    with watch("weights"), stage("loading weights"):
        identity, weights = identify(descriptor)
    for remark in weights.remarks:
        note(remark)
    if check is not None:
        check(identity)
    with locked(place.location, Part.DESCRIPTORS) as lock:
        _check_files(place)
        with watch("plan"), stage("listing") as progress:
            named = without_credentials(to_unicode(images))
            place.open(identity, named, _versions(), failures, collection.image_column)
            indexes.begin_writing(place.removed)
            sharding = shard_count(identity, weights, compute)
            changes, access = _plan(place, progress.counting(listed), sharding, collection)
            _note_left_out(changes, collection, skipped)
            if failures.retry_failed:
                manifest.replan(place.manifest, failed_ids(place))
        with watch("describe"), trace_nodes() as nodes:
            done = describe(place.manifest, place.descriptors, identity, weights, compute, failures, access)
        with watch("summary"), stage("counting"):
            described, failure_kinds, damaged = _count(place)
        if damaged:
            warn(f"{len(damaged)} damaged shards, first {damaged[0]}: their images are described again")
            with watch("describe"):
                done += describe(
                    place.manifest, place.descriptors, identity, weights, compute, failures, access, damaged
                )
            with watch("summary"), stage("counting"):
                described, failure_kinds, _ = _count(place)
        profile = Profile(watch.take(), done.workers, done.seconds)
        lock.confirm()
        result = Extraction(run, described, tuple(failure_kinds), done.rows, changes, skipped.counts, profile)
        counts = {"planned": described + result.failed, schema.OK: described, schema.FAILED: result.failed}
        place.set_counts(counts, result.skipped)
        if done.rows:
            seconds = sum(profile.command.values())
            total = Throughput.of(place.record()["stages"].get("extract", {})) + Throughput(done.rows, seconds)
            place.finish_stage(
                "extract", seconds, images=done.rows, total=asdict(total), nodes=nodes, profile=asdict(profile)
            )
    note_stale_exports(place, described)
    return result


def _check(images: Location, run: Run, descriptor: DescriptorConfig) -> None:
    check_descriptor(descriptor)
    check_writable(run.location)
    check_separate(images, run)


def _check_files(run: Run) -> None:
    """Check that every shard is planned, and remove what killed processes left unfinished."""
    manifest.check_committed(run.manifest, run.descriptors)
    run.location.remove_unfinished(_LONGEST_WRITE)
    if not run.exists() and shards.paths(run.descriptors):
        warn(f"{run.url}/run.json was lost: it is written again")


def _plan(
    run: Run, listed: Iterator[pa.Table], count: ShardCount, collection: CollectionConfig
) -> tuple[Changes, AccessUrls | None]:
    """Plan the images of a listing, and return the URLs with credentials apart.

    A change of the user's own columns is recorded, for commands that hold them.
    """
    started = time.monotonic()
    credentials = CredentialFilter(run.manifest)
    changes = manifest.update(run.manifest, run.descriptors, credentials(listed), count, collection, run.removed)
    if changes.relabelled:
        run.finish_stage("columns", time.monotonic() - started, images=changes.relabelled)
    return changes, credentials.access


def _note_left_out(changes: Changes, collection: CollectionConfig, skipped: Skipped) -> None:
    if skipped.counts:
        note(f"skipped: {describe_skipped(skipped.counts)}", skipped=skipped.counts)
    if changes.pruned and not collection.restore_removed:
        note(
            f"{changes.pruned} listed images were removed by osrmac prune and are left out: --restore-removed "
            "describes them again"
        )


def _count(run: Run) -> tuple[int, list[Failures], list[str]]:
    """Return the number of described images, and the failed ones; or else the names of the damaged shards."""
    with suppress(DamagedFileError):
        described, failures = summary(run)
        planned = sum(plan.rows for plan in manifest.shard_plans(run.manifest))
        if described + sum(kind.count for kind in failures) == planned:
            return described, failures, []
    return 0, [], unsound_shards(run)


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in _RECORDED_PACKAGES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions
