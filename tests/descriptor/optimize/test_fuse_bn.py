"""Fused networks, with random statistics, against the same networks unfused."""

import pytest
import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Tracer, symbolic_trace

from osrmac.descriptor.models.backbones import Backbone, build, load_weights
from osrmac.descriptor.optimize.fuse_bn import fuse_batch_norm


def randomised(network: nn.Module) -> nn.Module:
    """Randomise the statistics of all batch normalisations."""
    generator = torch.Generator().manual_seed(0)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            values = [layer.running_mean, layer.running_var, layer.weight, layer.bias]
            for value in values:
                if value is not None:
                    value.detach().uniform_(0.5, 1.5, generator=generator)
    return network.eval()


def built(name: str, *layers: str) -> Backbone:
    backbone = build(name, layers, load_weights(name, "random:0").state)
    randomised(backbone)
    return backbone


def count_norms(network: nn.Module) -> int:
    return sum(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())


@pytest.mark.parametrize(
    ("name", "layers", "remaining"),
    [
        ("resnet18", (), 0),
        ("resnet50_caffe", ("layer3", "layer2"), 0),
        ("resnet18", ("layer4", "layer3.1.bn2"), 0),  # an output that is read must not be changed in place
        ("efficientnet_lite0", (), 0),
        ("efficientnet_lite0", ("bn2", "conv_head"), 1),  # an output that is read must not be fused
        ("resnet18", ("layer4.1.bn2", "layer3.0.conv1"), 1),
        ("timm:regnety_002", (), 0),
        ("timm:densenet121", (), 62),  # normalises sums and concatenations
        ("timm:resnetv2_50", (), 16),  # normalises before it convolves
    ],
)
@torch.inference_mode()
def test_a_fused_network_gives_the_same_maps(name: str, layers: tuple[str, ...], remaining: int) -> None:
    backbone = built(name, *layers)
    pixels = torch.rand(1, 3, 96, 64, generator=torch.Generator().manual_seed(0))
    expected = [maps.clone() for maps in backbone(pixels)]

    backbone.trunk = fuse_batch_norm(backbone.trunk)

    assert count_norms(backbone.trunk) == remaining
    for maps, unfused in zip(backbone(pixels), expected, strict=True):
        torch.testing.assert_close(maps, unfused, rtol=0, atol=5e-5 * float(unfused.abs().max()))


def test_the_network_itself_is_not_changed() -> None:
    trunk = built("resnet18").trunk
    state = {name: tensor.clone() for name, tensor in trunk.state_dict().items()}

    fuse_batch_norm(trunk)

    assert count_norms(trunk) == 20
    for name, tensor in trunk.state_dict().items():
        torch.testing.assert_close(tensor, state[name], rtol=0, atol=0)


class Standardised(nn.Conv2d):
    """A convolution that standardises its weight, as in networks without batch normalisation."""

    def forward(self, pixels: Tensor) -> Tensor:
        maps: Tensor = self._conv_forward(pixels, self.weight / self.weight.norm(), self.bias)
        return maps


class Shared(nn.Module):
    """A convolution that is called twice, with different normalisations."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.one, self.other = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm2d(4)

    def forward(self, pixels: Tensor) -> Tensor:
        maps: Tensor = self.one(self.conv(pixels)) + self.other(self.conv(pixels.flip(-1)))
        return maps


class LayerTracer(Tracer):
    """Traces calls of layers, also of those defined in this module."""

    def is_leaf_module(self, layer: nn.Module, _name: str) -> bool:
        return not isinstance(layer, nn.Sequential | Shared)


def traced(network: nn.Module) -> GraphModule:
    return GraphModule(network, LayerTracer().trace(network)).eval()


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(Standardised(3, 4, 3), nn.BatchNorm2d(4)),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)),
        nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)),
        Shared(),
    ],
    ids=["standardised weight", "batch statistics", "norm first", "called twice"],
)
@torch.inference_mode()
def test_layers_that_cannot_be_fused_are_kept(network: nn.Module) -> None:
    pixels = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    expected = randomised(network)(pixels)

    torch.testing.assert_close(fuse_batch_norm(traced(network))(pixels), expected, rtol=0, atol=0)


def test_a_network_that_is_not_traced_is_returned_unchanged() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))

    assert fuse_batch_norm(network) is network


class Shortcut(nn.Module):
    """The sum of the input and its normalised convolution, or that of its mean."""

    def __init__(self, *, of_mean: bool) -> None:
        super().__init__()
        self.conv, self.norm, self.of_mean = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), of_mean

    def forward(self, pixels: Tensor) -> Tensor:
        maps = pixels.mean((2, 3), keepdim=True) if self.of_mean else pixels
        added: Tensor = pixels + self.norm(self.conv(maps))
        return added


@pytest.mark.parametrize("of_mean", [False, True])
@torch.inference_mode()
def test_tensors_of_equal_shape_are_added_in_place(*, of_mean: bool) -> None:
    network = randomised(Shortcut(of_mean=of_mean))
    pixels = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    expected, before = network(pixels), pixels.clone()
    result = fuse_batch_norm(symbolic_trace(network).eval())
    addresses: list[int] = []
    result.get_submodule("norm").register_forward_hook(lambda _layer, _inputs, maps: addresses.append(maps.data_ptr()))

    maps = result(pixels)

    torch.testing.assert_close(maps, expected)
    assert torch.equal(pixels, before)
    assert (maps.data_ptr() in addresses) != of_mean
