"""Convolutions of 3 x 3 with a quarter of the multiplications: F(4 x 4, 3 x 3) of Lavin and Gray, CVPR 2016."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.nn import functional

__all__ = ["Winograd", "with_winograd"]

_LEAST_CHANNELS = 64
"""With fewer, the sums take longer than the multiplications they save."""

_LEAST_TILES = 16
"""With fewer, reading four times the weights takes longer."""

_TILES = 256
"""In hand at once: enough for the matrix product, and few enough for the caches."""

# 24 G, which takes 3 weights to the 6 that are multiplied; the transposes of B and A are in `_spread` and `_gather`.
_TO_SIX = ((6, 0, 0), (-4, -4, -4), (-4, 4, -4), (1, 2, 4), (1, -2, 4), (0, 0, 24))


def with_winograd(trunk: nn.Module) -> nn.Module:
    """A network whose 3 x 3 convolutions are computed by `Winograd` where that is faster on a CPU.

    Args:
        trunk: In evaluation mode, in fp32, on the CPU; it is left as it is, but shares its layers with the result.
            Only a network that `torch.fx` has traced is changed: others are returned as they are.
    """
    if not isinstance(trunk, GraphModule):
        return trunk
    result = GraphModule(trunk, trunk.graph).eval()
    for name in {str(node.target) for node in trunk.graph.nodes if node.op == "call_module"}:
        layer = trunk.get_submodule(name)
        if _is_suitable(layer):
            result.set_submodule(name, Winograd(layer))
    return result


def _is_suitable(layer: nn.Module) -> TypeGuard[nn.Conv2d]:
    return (
        type(layer) is nn.Conv2d  # others may compute something else of their weights, such as standardising them
        and layer.kernel_size == (3, 3)
        and layer.padding == (1, 1)
        and layer.padding_mode == "zeros"
        and layer.stride == layer.dilation == (1, 1)
        and layer.groups == 1
        and min(layer.in_channels, layer.out_channels) >= _LEAST_CHANNELS
    )


class Winograd(nn.Module):
    """A 3 x 3 convolution that computes 4 x 4 outputs of 6 x 6 inputs with 36 multiplications instead of 144.

    Equal to the convolution but for rounding: 1e-5 of the largest value. Small maps go to the convolution itself.

    Args:
        convolution: fp32, of stride 1, padded by one zero.
    """

    weights: Tensor

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution
        to_six = torch.tensor(_TO_SIX, dtype=torch.float32)
        kernels = convolution.weight.detach().permute(2, 3, 1, 0)
        weights = (torch.kron(to_six, to_six) @ kernels.reshape(9, -1)).div_(24**2)
        self.register_buffer("weights", weights.view(36, *kernels.shape[2:]), persistent=False)

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # it would be slower compiled
    def forward(self, maps: Tensor) -> Tensor:
        """Convolve maps, float32, (N, C, H, W), fastest if channels come last in memory, as in the result."""
        count, _, height, width = maps.shape
        rows, columns = -(-height // 4), -(-width // 4)
        if rows * columns < _LEAST_TILES:
            convolved: Tensor = self.convolution(maps)
            return convolved
        padded = functional.pad(maps.permute(0, 2, 3, 1), (0, 0, 1, 4 * columns + 1 - width, 1, 4 * rows + 1 - height))
        result = maps.new_empty(count, rows, 4, columns, 4, self.convolution.out_channels)
        together = max(1, _TILES // (count * columns))
        for first in range(0, rows, together):
            part = result[:, first : first + together]
            self._convolve(padded[:, 4 * first : 4 * (first + part.shape[1]) + 2], part)
        whole = result.view(count, 4 * rows, 4 * columns, -1)[:, :height, :width]
        return (whole if self.convolution.bias is None else whole + self.convolution.bias).permute(0, 3, 1, 2)

    def _convolve(self, padded: Tensor, result: Tensor) -> None:
        """From (N, 4 R + 2, 4 K + 2, C) into (N, R, 4, K, 4, C')."""
        count, rows, _, columns, _, channels = result.shape
        upright = padded.new_empty(6, count, rows, *padded.shape[2:])
        _spread(padded.unfold(1, 6, 4).unbind(-1), upright.unbind())
        tiles = padded.new_empty(6, 6, count, rows, columns, padded.shape[3])
        _spread(upright.unfold(3, 6, 4).unbind(-1), tiles.unbind(1))
        products = torch.bmm(tiles.view(36, -1, padded.shape[3]), self.weights)
        across = padded.new_empty(6, count, rows, columns, 4, channels)
        _gather(products.view(6, 6, count, rows, columns, channels).unbind(1), across.unbind(4))
        _gather(across.unbind(), result.unbind(2))


def _spread(inputs: Sequence[Tensor], sums: Sequence[Tensor]) -> None:
    """The transpose of B: from six inputs in a row or column the six sums that are multiplied."""
    even, odd = torch.sub(inputs[4], inputs[2], alpha=4), torch.sub(inputs[3], inputs[1], alpha=4)
    torch.add(even, odd, out=sums[1])
    torch.sub(even, odd, out=sums[2])
    torch.sub(inputs[4], inputs[2], out=even)
    torch.sub(inputs[3], inputs[1], out=odd)
    torch.add(even, odd, alpha=2, out=sums[3])
    torch.sub(even, odd, alpha=2, out=sums[4])
    for first, last in ((0, 0), (1, 5)):
        torch.sub(inputs[first + 4], inputs[first + 2], alpha=5, out=sums[last]).add_(inputs[first], alpha=4)


def _gather(products: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    """The transpose of A: from six products in a row or column the four outputs."""
    sum_1, difference_1 = products[1] + products[2], products[1] - products[2]
    sum_2, difference_2 = products[3] + products[4], products[3] - products[4]
    torch.add(sum_1, sum_2, out=outputs[0]).add_(products[0])
    torch.add(difference_1, difference_2, alpha=2, out=outputs[1])
    torch.add(sum_1, sum_2, alpha=4, out=outputs[2])
    torch.add(difference_1, difference_2, alpha=8, out=outputs[3]).add_(products[5])
