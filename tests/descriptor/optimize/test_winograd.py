"""Winograd convolution against plain convolution: of integers, in float64, and in complete networks."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.fx import symbolic_trace
from torch.nn import functional

from osrmac.descriptor.models.backbones import Backbone, build, load_weights
from osrmac.descriptor.optimize.fuse_bn import fuse_batch_norm
from osrmac.descriptor.optimize.winograd import WinogradConv2d, apply_winograd


def convolution(into: int, out: int, *, bias: bool = True) -> nn.Conv2d:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Conv2d(into, out, 3, padding=1, bias=bias).eval()


def channels_last(*shape: int, seed: int = 0) -> Tensor:
    maps = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
    return maps.contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def test_convolution_of_integers_is_exact() -> None:
    """Winograd divides kernels by 24 x 24. With multiples of it and sums below 2^24, fp32 is exact."""
    generator = torch.Generator().manual_seed(0)
    plain = convolution(8, 4, bias=False)
    plain.weight.copy_(576 * torch.randint(-2, 3, plain.weight.shape, generator=generator))
    maps = torch.randint(0, 4, (1, 8, 20, 27), generator=generator).float()

    assert torch.equal(WinogradConv2d(plain)(maps), plain(maps))


def test_a_single_value_by_hand() -> None:
    """A kernel that shifts a map by one row and column."""
    plain = nn.Conv2d(1, 1, 3, padding=1).requires_grad_(requires_grad=False)
    plain.weight.zero_()[0, 0, 0, 0] = 2.0
    plain.bias.fill_(1.0)  # type: ignore[union-attr]
    maps = torch.zeros(1, 1, 16, 16)
    maps[0, 0, 6, 7] = 3.0

    convolved = WinogradConv2d(plain)(maps)

    expected = torch.ones(1, 1, 16, 16)
    expected[0, 0, 7, 8] = 7.0
    torch.testing.assert_close(convolved, expected, rtol=0, atol=1e-5)


@given(
    count=st.integers(1, 3),
    channels=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    bias=st.booleans(),
    seed=st.integers(0, 2**32),
)
@torch.inference_mode()
def test_convolution_agrees_with_float64(
    count: int, channels: tuple[int, int], size: tuple[int, int], *, bias: bool, seed: int
) -> None:
    plain = convolution(*channels, bias=bias)
    maps = channels_last(count, channels[0], *size, seed=seed)
    exact = functional.conv2d(
        maps.double(), plain.weight.double(), plain.bias.double() if plain.bias is not None else None, padding=1
    )

    convolved = WinogradConv2d(plain)(maps)

    assert convolved.dtype == torch.float32
    torch.testing.assert_close(convolved.double(), exact, rtol=0, atol=2e-5 * exact.abs().max().item())


@torch.inference_mode()
def test_images_of_a_batch_are_convolved_like_each_alone() -> None:
    winograd = WinogradConv2d(convolution(16, 16))
    maps = channels_last(3, 16, 90, 120)

    torch.testing.assert_close(winograd(maps), torch.cat([winograd(one[None]) for one in maps]), rtol=0, atol=2e-6)


@torch.inference_mode()
def test_the_result_is_channels_last() -> None:
    maps = channels_last(1, 8, 33, 31)
    winograd = WinogradConv2d(convolution(8, 12))

    assert winograd(maps).is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(winograd(maps), winograd(maps.contiguous()))


@torch.inference_mode()
def test_small_maps_use_the_plain_convolution(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = convolution(64, 64)
    winograd = WinogradConv2d(plain)
    small, large = channels_last(1, 64, 12, 20), channels_last(1, 64, 13, 16)

    monkeypatch.setattr("torch.bmm", None)

    assert torch.equal(winograd(small), plain(small))
    with pytest.raises(TypeError):
        winograd(large)


def replaced_layers(trunk: nn.Module) -> set[str]:
    return {name for name, layer in trunk.named_modules() if isinstance(layer, WinogradConv2d)}


class Convolutions(nn.Module):
    """Convolutions of which only the first is suitable."""

    def __init__(self) -> None:
        super().__init__()
        self.suitable = nn.Conv2d(64, 64, 3, padding=1)
        self.strided = nn.Conv2d(64, 64, 3, padding=1, stride=2)
        self.dilated = nn.Conv2d(64, 64, 3, padding=1, dilation=2)
        self.grouped = nn.Conv2d(64, 64, 3, padding=1, groups=2)
        self.unpadded = nn.Conv2d(64, 64, 3)
        self.mirrored = nn.Conv2d(64, 64, 3, padding=1, padding_mode="reflect")
        self.wide = nn.Conv2d(64, 64, 5, padding=1)
        self.narrow = nn.Conv2d(64, 32, 3, padding=1)

    def forward(self, maps: Tensor) -> list[Tensor]:
        return [layer(maps) for layer in self.children()]


@torch.inference_mode()
def test_only_suitable_convolutions_are_replaced() -> None:
    network = Convolutions().eval()
    traced = symbolic_trace(network)

    result = apply_winograd(traced)

    assert replaced_layers(result) == {"suitable"}
    assert replaced_layers(traced) == set()
    assert apply_winograd(network) is network
    maps = channels_last(1, 64, 16, 18)
    for actual, expected in zip(result(maps), network(maps), strict=True):
        torch.testing.assert_close(actual, expected, rtol=0, atol=1e-5)


def backbone(name: str) -> Backbone:
    return build(name, (), load_weights(name, "random:0").state)


@pytest.mark.parametrize(("name", "number"), [("resnet18", 13), ("resnet50", 13), ("efficientnet_lite0", 0)])
@torch.inference_mode()
def test_a_network_gives_the_same_maps(name: str, number: int) -> None:
    network = backbone(name)
    network.trunk = fuse_batch_norm(network.trunk)
    pixels = channels_last(1, 3, 160, 224)
    expected = network(pixels)

    network.trunk = apply_winograd(network.trunk)

    assert len(replaced_layers(network.trunk)) == number
    for maps, plain in zip(network(pixels), expected, strict=True):
        torch.testing.assert_close(maps, plain, rtol=0, atol=2e-5 * float(plain.abs().max()))
