"""Networks fused for GPUs, here on a CPU, with random statistics, against the same networks as they are."""

from collections import Counter
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn
from torch.fx import GraphModule, symbolic_trace

from osrmac.descriptor.models.backbones import build, load_weights
from osrmac.descriptor.optimize.fuse_bn import fuse_batch_norm
from osrmac.descriptor.optimize.gpu_fusion import fuse_convolutions
from osrmac.descriptor.optimize.gpu_layers import Blocks, PointwiseConvolution, RectifiedConvolution
from tests.descriptor.optimize.test_fuse_bn import randomised

SIZES = ((97, 131), (66, 64))


def called(network: nn.Module) -> Counter[type[nn.Module]]:
    """Count the layers that are called, by type; those of a sequence each."""
    assert isinstance(network, GraphModule)
    layers = [network.get_submodule(node.target) for node in network.graph.nodes if node.op == "call_module"]
    return Counter(type(part) for layer in layers for part in (layer if isinstance(layer, nn.Sequential) else [layer]))


@pytest.mark.parametrize(
    ("name", "rectified", "products", "remaining"),
    [
        ("resnet18", 17, 0, {nn.Conv2d: 3}),
        ("resnet50", 49, 1, {nn.Conv2d: 3}),
        ("efficientnet_lite0", 16, 16, {nn.Conv2d: 12, nn.ReLU6: 17}),  # convolutions of groups stay
        ("timm:resnet50d", 51, 4, {}),
        ("timm:densenet121", 59, 3, {nn.Conv2d: 58}),
    ],
)
@torch.inference_mode()
def test_a_fused_network_gives_the_same_maps(
    name: str, rectified: int, products: int, remaining: dict[type[nn.Module], int]
) -> None:
    backbone = build(name, (), load_weights(name, "random:0").state)
    randomised(backbone)
    trunk = fuse_batch_norm(backbone.trunk)
    fused = fuse_convolutions(deepcopy(trunk))

    layers = called(fused)
    assert (layers[RectifiedConvolution], layers[PointwiseConvolution]) == (rectified, products)
    assert {kind: layers[kind] for kind in (nn.Conv2d, nn.ReLU, nn.ReLU6) if layers[kind]} == remaining
    for size in SIZES:
        pixels = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        expected = {layer: maps.clone() for layer, maps in trunk(pixels.clone()).items()}
        for layer, maps in fused(pixels).items():
            torch.testing.assert_close(maps, expected[layer], rtol=0, atol=2e-5 * float(expected[layer].abs().max()))


def fused(network: nn.Module) -> tuple[GraphModule, Tensor, Tensor]:
    """Fuse a network, and return it with its result and that of the network as it was."""
    traced = symbolic_trace(network.eval().requires_grad_(requires_grad=False))
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    expected = traced(image).clone()
    result = fuse_convolutions(traced)
    assert isinstance(result, GraphModule)
    return result, result(image), expected


class _Block(nn.Module):
    """A sum of a convolution and other maps, rectified."""

    def __init__(self, other: nn.Module, *, is_first: bool = True, reads_convolution: bool = False) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)
        self.other = other
        self.relu = nn.ReLU()
        self._is_first = is_first
        self._reads_convolution = reads_convolution

    def forward(self, image: Tensor) -> Tensor:
        convolved, other = self.convolution(image), self.other(image)
        result: Tensor = self.relu(convolved + other if self._is_first else other + convolved)
        return result + convolved if self._reads_convolution else result


@pytest.mark.parametrize("is_first", [True, False])
def test_a_sum_is_fused_in_either_order(is_first: bool) -> None:
    network, result, expected = fused(_Block(nn.MaxPool2d(3, 1, 1), is_first=is_first))

    torch.testing.assert_close(result, expected)
    assert called(network) == {RectifiedConvolution: 1, nn.MaxPool2d: 1}


def test_the_bias_of_a_summand_is_added_once() -> None:
    network, result, expected = fused(_Block(nn.Conv2d(3, 3, 3, padding=1)))

    torch.testing.assert_close(result, expected)
    assert called(network) == {RectifiedConvolution: 1, nn.Conv2d: 1}
    biases = [layer.bias for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert sum(bias is not None for bias in biases) == 1


@pytest.mark.parametrize(
    "network",
    [
        _Block(nn.AdaptiveAvgPool2d(1)),  # maps of another shape
        _Block(nn.MaxPool2d(3, 1, 1), reads_convolution=True),
        nn.Sequential(nn.Conv2d(3, 6, 3, groups=3), nn.ReLU()),
        nn.Sequential(nn.Conv2d(3, 6, 3, padding=1, padding_mode="reflect"), nn.ReLU()),
        nn.Sequential(nn.Conv2d(3, 6, 3, padding="same"), nn.ReLU()),
        nn.Sequential(nn.Conv2d(3, 6, 3), nn.GELU()),
    ],
    ids=["broadcast", "read", "groups", "reflected", "padding by name", "another activation"],
)
def test_anything_else_stays_as_it_is(network: nn.Module) -> None:
    before = called(symbolic_trace(deepcopy(network)))

    result, maps, expected = fused(network)

    torch.testing.assert_close(maps, expected)
    assert called(result) == before


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.ReLU6()])
def test_a_first_convolution_of_stride_two_takes_blocks(activation: nn.Module) -> None:
    network, result, expected = fused(nn.Sequential(nn.Conv2d(3, 8, 7, stride=2, padding=3), activation))

    torch.testing.assert_close(result, expected)
    assert called(network) == {Blocks: 1, RectifiedConvolution: 1}


def test_a_convolution_of_stride_one_takes_the_pixels() -> None:
    network, result, expected = fused(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU()))

    torch.testing.assert_close(result, expected)
    assert called(network) == {RectifiedConvolution: 1}


def test_a_sum_with_a_first_convolution_of_stride_two_takes_the_pixels() -> None:
    block = _Block(nn.MaxPool2d(3, 2, 1))
    block.convolution = nn.Conv2d(3, 3, 3, stride=2, padding=1)

    network, result, expected = fused(block)

    torch.testing.assert_close(result, expected)
    assert called(network) == {RectifiedConvolution: 1, nn.MaxPool2d: 1}


def test_a_layer_that_is_called_twice_stays_as_it_is() -> None:
    layer = nn.Conv2d(3, 3, 3, padding=1)

    network, result, expected = fused(nn.Sequential(layer, nn.ReLU(), layer, nn.ReLU()))

    torch.testing.assert_close(result, expected)
    assert called(network) == {nn.Conv2d: 2, nn.ReLU: 2}


def test_a_network_that_was_not_traced_stays_as_it_is() -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU())

    assert fuse_convolutions(network) is network
