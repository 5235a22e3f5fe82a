"""Layers that do on a GPU what several layers of a network do, in fewer passes over its memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Blocks", "PointwiseConvolution", "RectifiedConvolution"]


class RectifiedConvolution(nn.Module):
    """Rectification of a convolution, or of the sum of a convolution and other maps, as one operation of cuDNN.

    Args:
        convolution: A convolution, padded with a number of zeros.
        upper: Upper bound of the result, such as 6 for ReLU6; None for none.
    """

    def __init__(self, convolution: nn.Conv2d, upper: float | None = None) -> None:
        super().__init__()
        self.convolution = convolution
        self.upper = upper

    def forward(self, maps: Tensor, summand: Tensor | None = None) -> Tensor:
        """Return rectified maps, (N, C', H', W'), of maps, (N, C, H, W), and of a summand, (N, C', H', W')."""
        rectified = self._on_gpu(maps, summand) if maps.is_cuda else self._on_cpu(maps, summand)
        return rectified if self.upper is None else rectified.clamp_(max=self.upper)

    def _on_gpu(self, maps: Tensor, summand: Tensor | None) -> Tensor:
        own = self.convolution
        run = _opaque if torch.compiler.is_compiling() else _by_cudnn
        return run(maps, own.weight, own.bias, summand, own.stride, _pixels(own.padding), own.dilation, own.groups)

    def _on_cpu(self, maps: Tensor, summand: Tensor | None) -> Tensor:
        convolved: Tensor = self.convolution(maps)
        return functional.relu(convolved if summand is None else convolved + summand)


def _by_cudnn(
    maps: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    summand: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    place: Any = bias, stride, padding, dilation, groups
    if summand is None:
        return torch.cudnn_convolution_relu(maps, weight, *place)
    return torch.cudnn_convolution_add_relu(maps, weight, summand, 1.0, *place)


_opaque = torch.library.custom_op("osrmac::rectified_convolution", _by_cudnn, mutates_args=())
"""The same for the compiler, which does not know cuDNN's operations and fuses what is around this one."""


@_opaque.register_fake
def _shaped(
    maps: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    summand: Tensor | None,  # noqa: ARG001
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    place: Any = stride, padding, dilation, groups
    return functional.conv2d(maps, weight, bias, *place)


class PointwiseConvolution(nn.Module):
    """Convolution of single positions as a matrix product, which adds the bias in the same pass.

    Args:
        convolution: A convolution with a kernel and a stride of 1.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps, (N, C', H, W), of maps, (N, C, H, W)."""
        own = self.convolution
        return functional.linear(maps.permute(0, 2, 3, 1), own.weight.flatten(1), own.bias).permute(0, 3, 1, 2)


class Blocks(nn.Module):
    """Blocks of 2x2 pixels, padded like the input of a convolution of stride 2.

    A GPU multiplies sixteen channels at a time: an image has three, and its blocks have as many.

    Args:
        convolution: A convolution of up to four channels with a stride of 2, padded with zeros.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self._padding = _pixels(convolution.padding)
        self._kernel = convolution.kernel_size
        self._spanned = tuple(-(-side // 2) for side in self._kernel)  # blocks

    def convolution(self, convolution: nn.Conv2d) -> nn.Conv2d:
        """Return the convolution of the blocks that is equal to one of the pixels."""
        own, (rows, columns) = convolution.weight, self._spanned
        kernel = own.new_zeros(len(own), 2 * rows, 2 * columns, 4)
        kernel[:, : own.shape[2], : own.shape[3], : own.shape[1]] = own.permute(0, 2, 3, 1)
        result = nn.Conv2d(16, len(own), (rows, columns), bias=convolution.bias is not None)
        result.weight = nn.Parameter(_blocks(kernel), requires_grad=False)
        result.bias = convolution.bias
        return result

    def forward(self, pixels: Tensor) -> Tensor:
        """Return blocks, (N, 16, H', W'), of pixels, (N, C, H, W)."""
        number, channels, *sides = pixels.shape
        places = zip(sides, self._padding, self._kernel, self._spanned, strict=True)
        rows, columns = ((side + 2 * padding - kernel) // 2 + spanned for side, padding, kernel, spanned in places)
        above, left = self._padding
        padded = pixels.new_zeros(number, 2 * rows, 2 * columns, 4)
        inside = padded[:, above : above + sides[0], left : left + sides[1], :channels]
        inside.copy_(pixels.permute(0, 2, 3, 1)[:, : inside.shape[1], : inside.shape[2]])
        return _blocks(padded)


def _blocks(pixels: Tensor) -> Tensor:
    """Rearrange pixels, (N, 2 H, 2 W, 4), to channels-last blocks, (N, 16, H, W)."""
    number, height, width, _ = pixels.shape
    blocks = pixels.view(number, height // 2, 2, width // 2, 2, 4).transpose(2, 3)
    return blocks.reshape(number, height // 2, width // 2, 16).permute(0, 3, 1, 2)


def _pixels(padding: str | tuple[int, ...]) -> tuple[int, ...]:
    if isinstance(padding, str):
        raise TypeError(f"padding must be given in pixels, not as '{padding}'")
    return padding
