"""What the descriptors of a run are, found anew from its settings and weights."""

from __future__ import annotations

from collections.abc import Callable

from osrmac.config import ComputeConfig, DescriptorConfig, canonical
from osrmac.descriptor.describer import Describer
from osrmac.descriptor.models import backbones
from osrmac.descriptor.models.weights import Weights
from osrmac.errors import StorageError
from osrmac.storage import shards
from osrmac.storage.run import Identity, Run

__all__ = ["identify", "identify_again", "rows_per_shard"]


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
    backbone = backbones.build(descriptor.backbone, descriptor.layers, found.state)
    weights = backbones.used_weights(backbone, found)
    values = canonical(descriptor, layers=backbone.layers, weights=weights.digest)
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
