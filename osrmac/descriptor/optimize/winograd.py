"""Winograd convolution F(4 x 4, 3 x 3) of Lavin and Gray (CVPR 2016), which saves three quarters of the products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.nn import functional

__all__ = ["WinogradConv2d", "apply_winograd"]

_MIN_CHANNELS = 64
"""With fewer channels, the transforms take longer than the multiplications that they save."""

_MIN_TILES = 16
"""With fewer tiles, reading the transformed weights, four times as large, takes longer."""

_TILES_PER_BLOCK = 256
"""Tiles transformed at a time: enough for the matrix product, few enough for the caches."""

# 24 G of the paper, which transforms kernels; `_transform_input` applies B^T and `_transform_output` A^T.
_KERNEL_TRANSFORM = ((6, 0, 0), (-4, -4, -4), (-4, 4, -4), (1, 2, 4), (1, -2, 4), (0, 0, 24))


def apply_winograd(trunk: nn.Module) -> nn.Module:
    """Replace the 3 x 3 convolutions of a network by `WinogradConv2d` where that is faster on a CPU.

    Args:
        trunk: Network in evaluation mode, in fp32, on the CPU. It is not changed, but shares its layers with the
            result.

    Returns:
        The network with other layers; the network itself if `torch.fx` has not traced it.
    """
    if not isinstance(trunk, GraphModule):
        return trunk
    replaced = GraphModule(trunk, trunk.graph).eval()
    for name in {str(node.target) for node in trunk.graph.nodes if node.op == "call_module"}:
        layer = trunk.get_submodule(name)
        if _is_suitable(layer):
            replaced.set_submodule(name, WinogradConv2d(layer))
    return replaced


def _is_suitable(layer: nn.Module) -> TypeGuard[nn.Conv2d]:
    return (
        type(layer) is nn.Conv2d  # subclasses may transform their weights, for example standardise them
        and layer.kernel_size == (3, 3)
        and layer.padding == (1, 1)
        and layer.padding_mode == "zeros"
        and layer.stride == layer.dilation == (1, 1)
        and layer.groups == 1
        and min(layer.in_channels, layer.out_channels) >= _MIN_CHANNELS
    )


class WinogradConv2d(nn.Module):
    """3 x 3 convolution that computes tiles of 4 x 4 outputs with 36 multiplications instead of 144.

    It equals the plain convolution up to rounding, 1e-5 of the largest value. Small maps use the plain convolution.

    Args:
        convolution: fp32 convolution of stride 1 with a zero padding of 1.
    """

    weights: Tensor

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution
        transform = torch.tensor(_KERNEL_TRANSFORM, dtype=torch.float32)
        kernels = convolution.weight.detach().permute(2, 3, 1, 0)
        weights = (torch.kron(transform, transform) @ kernels.reshape(9, -1)).div_(24**2)
        self.register_buffer("weights", weights.view(36, *kernels.shape[2:]), persistent=False)

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # compiled code is slower
    def forward(self, maps: Tensor) -> Tensor:
        """Convolve maps, float32, (N, C, H, W); channels-last is fastest, and is the format of the result."""
        count, _, height, width = maps.shape
        rows, columns = -(-height // 4), -(-width // 4)
        if rows * columns < _MIN_TILES:
            convolved: Tensor = self.convolution(maps)
            return convolved
        padded = functional.pad(maps.permute(0, 2, 3, 1), (0, 0, 1, 4 * columns + 1 - width, 1, 4 * rows + 1 - height))
        outputs = maps.new_empty(count, rows, 4, columns, 4, self.convolution.out_channels)
        block_rows = max(1, _TILES_PER_BLOCK // (count * columns))
        for first in range(0, rows, block_rows):
            block = outputs[:, first : first + block_rows]
            self._convolve(padded[:, 4 * first : 4 * (first + block.shape[1]) + 2], block)
        cropped = outputs.view(count, 4 * rows, 4 * columns, -1)[:, :height, :width]
        return (cropped if self.convolution.bias is None else cropped + self.convolution.bias).permute(0, 3, 1, 2)

    def _convolve(self, padded: Tensor, outputs: Tensor) -> None:
        """Convolve R x K tiles: (N, 4 R + 2, 4 K + 2, C) into outputs, (N, R, 4, K, 4, C')."""
        count, rows, _, columns, _, channels = outputs.shape
        by_row = padded.new_empty(6, count, rows, *padded.shape[2:])
        _transform_input(padded.unfold(1, 6, 4).unbind(-1), by_row.unbind())
        tiles = padded.new_empty(6, 6, count, rows, columns, padded.shape[3])
        _transform_input(by_row.unfold(3, 6, 4).unbind(-1), tiles.unbind(1))
        products = torch.bmm(tiles.view(36, -1, padded.shape[3]), self.weights)
        by_column = padded.new_empty(6, count, rows, columns, 4, channels)
        _transform_output(products.view(6, 6, count, rows, columns, channels).unbind(1), by_column.unbind(4))
        _transform_output(by_column.unbind(), outputs.unbind(2))


def _transform_input(inputs: Sequence[Tensor], sums: Sequence[Tensor]) -> None:
    """Apply B^T of the paper to six inputs of a row or column, writing into six tensors."""
    even, odd = torch.sub(inputs[4], inputs[2], alpha=4), torch.sub(inputs[3], inputs[1], alpha=4)
    torch.add(even, odd, out=sums[1])
    torch.sub(even, odd, out=sums[2])
    torch.sub(inputs[4], inputs[2], out=even)
    torch.sub(inputs[3], inputs[1], out=odd)
    torch.add(even, odd, alpha=2, out=sums[3])
    torch.sub(even, odd, alpha=2, out=sums[4])
    for first, last in ((0, 0), (1, 5)):
        torch.sub(inputs[first + 4], inputs[first + 2], alpha=5, out=sums[last]).add_(inputs[first], alpha=4)


def _transform_output(products: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    """Apply A^T of the paper to six products of a row or column, writing into four tensors."""
    sum_1, difference_1 = products[1] + products[2], products[1] - products[2]
    sum_2, difference_2 = products[3] + products[4], products[3] - products[4]
    torch.add(sum_1, sum_2, out=outputs[0]).add_(products[0])
    torch.add(difference_1, difference_2, alpha=2, out=outputs[1])
    torch.add(sum_1, sum_2, alpha=4, out=outputs[2])
    torch.add(difference_1, difference_2, alpha=8, out=outputs[3]).add_(products[5])
