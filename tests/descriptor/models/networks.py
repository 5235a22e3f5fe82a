"""Backbones and checkpoints that the tests of models share."""

from collections.abc import Mapping
from functools import cache

from torch import Tensor, nn

from osrmac.descriptor.models.architectures import get_architecture
from osrmac.descriptor.models.backbones import Backbone, build, load_weights

SMALL = "timm:test_resnet"
"""A backbone of 77 tensors that is built in milliseconds."""


@cache
def built(name: str, *layers: str) -> Backbone:
    """A backbone with random weights, which no test may change."""
    return build(name, layers, load_weights(name, "random:0").state)


def network() -> nn.Module:
    """The complete network, with the weights of seed 0."""
    created = get_architecture(SMALL).create()
    created.load_state_dict(load_weights(SMALL, "random:0").state)
    return created


def headless(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}


def prefixed(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in state.items()}
