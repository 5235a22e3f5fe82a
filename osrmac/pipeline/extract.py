"""Describe every image of a collection."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version

from osrmac.config import ComputeConfig, DescriptorConfig, FailureConfig, canonical
from osrmac.descriptor import backbones
from osrmac.descriptor.describer import Describer
from osrmac.descriptor.weights import Weights
from osrmac.errors import StorageError
from osrmac.pipeline.describe import describe
from osrmac.pipeline.failures import Failures, failed_ids, summary
from osrmac.pipeline.nodes import tracing
from osrmac.stopwatch import Stopwatch
from osrmac.storage import files, manifest, schema, shards
from osrmac.storage.collection import listing
from osrmac.storage.lock import locked
from osrmac.storage.manifest import Changes
from osrmac.storage.run import Identity, Run

__all__ = ["Extracted", "Profile", "extract", "identify", "identify_again", "rows_per_shard"]

_RECORDED = ("ray", "torch", "torchvision", "pyarrow", "pillow", "numpy")


@dataclass(frozen=True)
class Profile:
    """What the time went into, in seconds.

    Attributes:
        command: Of the command itself, by stage, one after the other.
        processes: How many processes described.
        describing: Of all of them together, by stage: see `osrmac.pipeline.describe.STAGES`.
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
        images: See `osrmac.storage.collection.listing`.
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
    listed = listing(images)
    with watch("weights"):
        identity, weights = identify(descriptor)
    for remark in weights.remarks:
        print(f"osrmac: {remark}", file=sys.stderr, flush=True)
    with locked(run):
        with watch("plan"):
            place.open(
                identity,
                files.spelled(images),
                {name: version(name) for name in _RECORDED} | {"python": platform.python_version()},
            )
            changes = manifest.update(place.manifest, listed, rows_per_shard(identity, compute))
            if failures.retry_failed:
                manifest.redo(place.manifest, failed_ids(place))
        with watch("describe"), tracing() as nodes:
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


def rows_per_shard(identity: Identity, compute: ComputeConfig) -> Callable[[int], int]:
    """How many of so many images make a shard."""
    return lambda images: compute.shard_rows or shards.rows_per_shard(images, identity.row_bytes)


def identify(descriptor: DescriptorConfig) -> tuple[Identity, Weights]:
    """Load the weights and find what descriptors they give.

    Raises:
        ConfigError: Unknown backbone, tap or recipe.
        WeightsError: The weights cannot be had or do not fit.
    """
    found = backbones.load_weights(descriptor.backbone, descriptor.weights)
    backbone = backbones.build(descriptor.backbone, descriptor.taps, found.state)
    weights = backbones.loaded(backbone, found)
    values = canonical(descriptor, taps=backbone.taps, weights=weights.digest)
    called = "; ".join([weights.source, *weights.remarks])
    describer = Describer(backbone, descriptor)
    regional = tuple(name for name, recipe in describer.recipes.items() if recipe.regional)
    return Identity(descriptor, values, called, describer.parts, regional), weights


def identify_again(run: Run) -> tuple[Identity, Weights]:
    """Load what a run was described with, to describe more in the same way.

    Raises:
        StorageError: No run, or the weights are not the same any more.
        WeightsError: They cannot be had.
    """
    identity = run.identity()
    loaded, weights = identify(identity.descriptor)
    if loaded.fingerprint != identity.fingerprint:
        raise StorageError(f"the weights {identity.weights} have changed since {run.url} was made: use another --run")
    return identity, weights
