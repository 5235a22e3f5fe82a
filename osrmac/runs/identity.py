"""The identity of descriptors, determined from their settings and weights."""

from __future__ import annotations

from dataclasses import replace

from osrmac.config import DescriptorConfig, canonical
from osrmac.credentials import without_credentials
from osrmac.descriptor.describer import Describer
from osrmac.descriptor.models import backbones
from osrmac.descriptor.models.weights import Weights
from osrmac.descriptor.recipes import need_embedding
from osrmac.errors import StorageError, WeightsError
from osrmac.storage.run import Identity, Run

__all__ = ["identify", "identify_again"]


def identify(descriptor: DescriptorConfig) -> tuple[Identity, Weights]:
    """Load the weights of a backbone, and return them with the identity of the descriptors that they give.

    The identity names the weights without the credentials of their URL.

    Raises:
        ConfigError: Unknown backbone, layer or recipe.
        WeightsError: The weights are unavailable or do not fit the backbone.
    """
    candidate = backbones.load_weights(descriptor.backbone, descriptor.weights)
    embedding = need_embedding(descriptor.recipes)
    backbone = backbones.build(descriptor.backbone, descriptor.layers, candidate.state, embedding=embedding)
    weights = backbones.used_weights(backbone, candidate)
    values = canonical(descriptor, layers=backbone.layers, weights=weights.digest)
    name = "; ".join([weights.source, *weights.remarks])
    describer = Describer(backbone, descriptor)
    regional = tuple(name for name, recipe in describer.recipes.items() if recipe.regional)
    stored = replace(descriptor, weights=without_credentials(descriptor.weights))
    return Identity(stored, values, name, describer.parts, regional), weights


def identify_again(run: Run) -> tuple[Identity, Weights]:
    """Load the weights that a run was described with, to describe more images in the same way.

    Raises:
        StorageError: There is no run, or its weights have changed.
        WeightsError: The weights are unavailable.
    """
    identity = run.identity()
    try:
        loaded, weights = identify(identity.descriptor)
    except WeightsError as error:
        if "://" not in identity.descriptor.weights:
            raise
        raise WeightsError(
            f"{error}; a run keeps no credentials: if these weights need some, give them as docs/bucket.md says, or "
            "continue the run once with --weights PATH"
        ) from error
    if loaded.fingerprint != identity.fingerprint:
        raise StorageError(f"the weights {identity.weights} have changed since {run.url} was made: use another run")
    return identity, weights
