"""Fused convolutions, against the network as it is."""

import pytest
import torch
from torch import nn

from benchmarks.device.fused_convolutions import FusedConvolution, fuse_convolutions
from osrmac.descriptor.models.backbones import build, load_weights
from osrmac.descriptor.optimize.fuse_bn import fuse_batch_norm


@pytest.mark.parametrize(("name", "number"), [("resnet18", 17), ("resnet50", 49)])
def test_a_fused_network_gives_equal_maps_without_rectifications(name: str, number: int) -> None:
    backbone = build(name, (), load_weights(name, "random:0").state)
    backbone.trunk = fuse_batch_norm(backbone.trunk)
    pixels = torch.randint(256, (2, 3, 64, 96), dtype=torch.uint8)
    with torch.inference_mode():
        expected = [maps.clone() for maps in backbone.from_bytes(pixels)]
        backbone.trunk = fuse_convolutions(backbone.trunk)
        fused = backbone.from_bytes(pixels)

    for maps, unfused in zip(fused, expected, strict=True):
        torch.testing.assert_close(maps, unfused)
    called = [
        backbone.trunk.get_submodule(node.target) for node in backbone.trunk.graph.nodes if node.op == "call_module"
    ]
    assert sum(isinstance(layer, FusedConvolution) for layer in called) == number
    assert not any(isinstance(layer, nn.ReLU) for layer in called)
