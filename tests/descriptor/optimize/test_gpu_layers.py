"""Layers for GPUs, here on a CPU, against the layers that they replace."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from osrmac.descriptor.optimize.gpu_layers import Blocks, PointwiseConvolution, RectifiedConvolution


def convolution(*arguments: int, **options: int | bool) -> nn.Conv2d:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Conv2d(*arguments, **options).requires_grad_(requires_grad=False)  # type: ignore[arg-type]


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("upper", [None, 0.5])
def test_a_rectified_convolution_is_the_rectification_of_a_convolution(upper: float | None) -> None:
    plain, maps, summand = convolution(3, 5, 3, padding=1), random(2, 3, 8, 9), random(2, 5, 8, 9)
    layer = RectifiedConvolution(plain, upper)

    assert torch.equal(layer(maps), plain(maps).clamp(min=0, max=upper))
    assert torch.equal(layer(maps, summand), (plain(maps) + summand).clamp(min=0, max=upper))


@pytest.mark.parametrize("summand", [None, random(2, 5, 4, 5)])
def test_the_compiler_knows_the_shape_of_the_operation(summand: torch.Tensor | None) -> None:
    plain, maps = convolution(3, 5, 3, stride=2, padding=1), random(2, 3, 8, 9)
    tensors = [None if each is None else each.to("meta") for each in (maps, plain.weight, plain.bias, summand)]

    computed = torch.ops.osrmac.rectified_convolution(*tensors, plain.stride, [1, 1], plain.dilation, plain.groups)

    assert computed.shape == plain(maps).shape


@pytest.mark.parametrize("bias", [True, False])
def test_a_matrix_product_is_a_convolution_of_single_positions(bias: bool) -> None:
    plain, maps = convolution(3, 5, 1, bias=bias), random(2, 3, 8, 9).contiguous(memory_format=torch.channels_last)

    products = PointwiseConvolution(plain)(maps)

    torch.testing.assert_close(products, plain(maps))
    assert products.is_contiguous(memory_format=torch.channels_last)


def test_blocks_by_hand() -> None:
    """Without padding, a block holds the four pixels of two rows and columns, each with its channels and zeros."""
    pixels = torch.arange(2 * 2 * 4).view(1, 2, 2, 4)

    blocks = Blocks(nn.Conv2d(2, 1, 2, stride=2))(pixels)

    assert blocks[0, :, 0, 1].tolist() == [2, 10, 0, 0, 3, 11, 0, 0, 6, 14, 0, 0, 7, 15, 0, 0]


@given(
    kernel=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    padding=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    size=st.tuples(st.integers(7, 17), st.integers(7, 17)),
    channels=st.integers(1, 4),
)
def test_a_convolution_of_blocks_is_that_of_the_pixels(
    kernel: tuple[int, int], padding: tuple[int, int], size: tuple[int, int], channels: int
) -> None:
    plain = nn.Conv2d(channels, 2, kernel, stride=2, padding=padding).requires_grad_(requires_grad=False)
    plain.weight.copy_(torch.arange(plain.weight.numel()).view(plain.weight.shape) % 11)
    pixels = (torch.arange(2 * channels * size[0] * size[1]) % 17).view(2, channels, *size).float()
    blocks = Blocks(plain)

    torch.testing.assert_close(blocks.convolution(plain)(blocks(pixels)), plain(pixels))


def test_blocks_are_channels_last_for_a_gpu() -> None:
    layer = Blocks(convolution(3, 8, 7, stride=2, padding=3))

    assert layer(random(2, 3, 20, 31)).is_contiguous(memory_format=torch.channels_last)
    assert layer.convolution(convolution(3, 8, 7, stride=2, padding=3)).weight.shape == (8, 16, 4, 4)


def test_padding_by_name_is_refused() -> None:
    with pytest.raises(TypeError, match="same"):
        Blocks(nn.Conv2d(3, 8, 3, padding="same"))
