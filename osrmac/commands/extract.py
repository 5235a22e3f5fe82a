"""Describe every image of a collection."""

from __future__ import annotations

import platform
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import version

from osrmac.config import ComputeConfig, DescriptorConfig, FailureConfig
from osrmac.distributed.describe import describe
from osrmac.distributed.node_trace import trace_nodes
from osrmac.runs.failures import Failures, failed_ids, summary
from osrmac.runs.identity import identify, rows_per_shard
from osrmac.stopwatch import Stopwatch
from osrmac.storage import manifest, schema
from osrmac.storage.file_names import to_unicode
from osrmac.storage.listing import listing
from osrmac.storage.location import Location
from osrmac.storage.lock import locked
from osrmac.storage.manifest import Changes
from osrmac.storage.run import Run

__all__ = ["Extracted", "Profile", "extract"]

_RECORDED = ("ray", "torch", "torchvision", "pyarrow", "pillow", "numpy")


@dataclass(frozen=True)
class Profile:
    """What the time went into, in seconds.

    Attributes:
        command: Of the command itself, by stage, one after the other.
        processes: How many processes described.
        describing: Of all of them together, by stage: see `osrmac.distributed.describe.STAGES`.
    """

    command: dict[str, float]
    processes: int
    describing: dict[str, float]


@dataclass(frozen=True)
class Extracted:
    """What a run holds after extraction.

    Attributes:
        described: Images with descriptors.
        failures: Images without, by stage and reason.
        new: Rows committed by this call.
        changes: How the collection differs from what was planned before.
        profile: What the time of this call went into.
    """

    described: int
    failures: tuple[Failures, ...]
    new: int
    changes: Changes
    profile: Profile

    @property
    def failed(self) -> int:
        """Images without descriptors."""
        return sum(kind.count for kind in self.failures)


def extract(
    images: str,
    run: str,
    descriptor: DescriptorConfig = DescriptorConfig(),
    compute: ComputeConfig = ComputeConfig(),
    failures: FailureConfig = FailureConfig(),
) -> Extracted:
    """Plan a collection and commit a row of descriptors for every image that has none yet.

    Args:
        images: See `osrmac.storage.listing.listing`.
        run: A folder or fsspec URL; made if missing.
        descriptor: What to compute.
        compute: How to spread the work.
        failures: What to do about images that fail.

    Raises:
        OsrmacError: No images, no weights, settings that differ from the run's, too small a cluster, a run that
            another process works on, or too many failures.
    """
    watch = Stopwatch()
    place = Run(run)
    listed = listing(Location.of(images))
    with watch("weights"):
        identity, weights = identify(descriptor)
    for remark in weights.remarks:
        print(f"osrmac: {remark}", file=sys.stderr, flush=True)
    with locked(place.location):
        with watch("plan"):
            place.open(
                identity,
                to_unicode(images),
                {name: version(name) for name in _RECORDED} | {"python": platform.python_version()},
            )
            changes = manifest.update(place.manifest, listed, rows_per_shard(identity, compute))
            if failures.retry_failed:
                manifest.replan(place.manifest, failed_ids(place))
        with watch("describe"), trace_nodes() as nodes:
            done = describe(place.manifest, place.descriptors, identity, weights, compute, failures)
        with watch("summary"):
            described, found = summary(place)
        profile = Profile(watch.take(), done.processes, done.seconds)
        result = Extracted(described, tuple(found), done.rows, changes, profile)
        place.set_counts({"planned": described + result.failed, schema.OK: described, schema.FAILED: result.failed})
        if done.rows:
            seconds = sum(profile.command.values())
            place.finish_stage("extract", seconds, images=done.rows, nodes=nodes, profile=asdict(profile))
    return result
