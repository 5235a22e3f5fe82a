"""Describe every image of a collection."""

from __future__ import annotations

import platform
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version

import pyarrow.compute as pc

from osrmac.config import ComputeConfig, DescriptorConfig, canonical
from osrmac.descriptor import backbones
from osrmac.descriptor.describer import Describer
from osrmac.descriptor.weights import Weights
from osrmac.pipeline.describe import describe
from osrmac.storage import schema, shards
from osrmac.storage.manifest import plan
from osrmac.storage.run import Identity, Run

__all__ = ["Extracted", "extract", "identify"]

_RECORDED = ("ray", "torch", "torchvision", "pyarrow", "pillow", "numpy")


@dataclass(frozen=True)
class Extracted:
    """What a run holds after extraction.

    Attributes:
        described: Images with descriptors.
        failed: Images without, each with its reason.
        new: Rows committed by this call.
    """

    described: int
    failed: int
    new: int


def extract(
    images: str,
    run: str,
    descriptor: DescriptorConfig = DescriptorConfig(),
    compute: ComputeConfig = ComputeConfig(),
) -> Extracted:
    """Plan a collection and commit a row of descriptors for every image that has none yet.

    Args:
        images: See `osrmac.storage.manifest.plan`.
        run: A folder or fsspec URL; made if missing.
        descriptor: What to compute.
        compute: How to spread the work.

    Raises:
        OsrmacError: No images, no weights, settings that differ from the run's, or too small a cluster.
    """
    started = time.monotonic()
    place = Run(run)
    manifest = plan(images)
    identity, weights = identify(descriptor)
    for remark in weights.remarks:
        print(f"osrmac: {remark}", file=sys.stderr, flush=True)
    place.open(identity, images, {name: version(name) for name in _RECORDED} | {"python": platform.python_version()})
    place.write_manifest(manifest)
    new = describe(manifest, place.descriptors, identity, weights, compute)
    described, failed = _count(place)
    place.set_counts({"planned": manifest.num_rows, schema.OK: described, schema.FAILED: failed})
    if new:
        place.finish_stage("extract", time.monotonic() - started, images=new)
    return Extracted(described, failed, new)


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


def _count(run: Run) -> tuple[int, int]:
    statuses = [shards.read(shard, ["status"])["status"] for shard in shards.paths(run.descriptors)]
    described = sum(pc.sum(pc.equal(status, schema.OK)).as_py() for status in statuses)
    return described, sum(map(len, statuses)) - described
