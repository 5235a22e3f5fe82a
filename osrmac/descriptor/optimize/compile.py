"""Compilation of a backbone by `torch.compile`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from osrmac.descriptor.models.backbones import Backbone
from osrmac.descriptor.resize import scaled_size
from osrmac.errors import ConfigError, reason

__all__ = ["CompiledTrunk", "compile_for_gpu"]

_ASPECT_RATIOS = ((4, 3), (3, 4), (3, 2), (2, 3))
"""Width to height of the photographs of most cameras."""

_MIN_SIDE = 128
"""Shorter side, in pixels, of the images that run compiled on a GPU. torch compiles anew for every size of 1, which the
maps of smaller images may have."""


class CompiledTrunk(nn.Module):
    """Runs compiled code for images of common aspect ratios, and the uncompiled trunk for all others.

    Compiled code rounds differently. Which code runs depends on the shape of an image alone, not on earlier images, so
    that results stay reproducible. Each shape takes some seconds when it is first met, and a copy of the weights.

    Args:
        trunk: Trunk of a backbone, in evaluation mode, on the CPU.
        image_sizes: Longest sides of the images, in pixels.
        multiple: Number of pixels to whose multiples all sides are rounded.

    Raises:
        ConfigError: There is no working C++ compiler.
    """

    def __init__(self, trunk: nn.Module, image_sizes: Iterable[int], multiple: int = 1) -> None:
        super().__init__()
        self.trunk = trunk
        sizes = (scaled_size(*ratio, longest, multiple) for ratio in _ASPECT_RATIOS for longest in image_sizes)
        self.shapes = frozenset((height, width) for width, height in sizes)
        # By default, torch stops compiling after eight shapes.
        torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, len(self.shapes))
        self._compiled = torch.compile(trunk.forward, dynamic=False, options={"freezing": True})
        _check_compiler("cpu")

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Return the outputs of the trunk for pixels, (N, 3, H, W)."""
        is_common = pixels.shape[-2:] in self.shapes
        maps: dict[str, Tensor] = self._compiled(pixels) if is_common else self.trunk(pixels)
        return maps


def compile_for_gpu(backbone: Backbone) -> Callable[[Tensor], list[Tensor]]:
    """Compile a backbone once for batches of any number of images of any size.

    On a GPU, compilation saves passes over memory by fusing the elementwise operations between convolutions, from the
    conversion of the pixels on; this needs no fixed shapes. It takes time when the first batch is met. Single images
    and very narrow ones run uncompiled, so that which code runs depends on the shape of a batch alone.

    Args:
        backbone: Backbone in evaluation mode, on its device. Some layers are replaced by equal ones.

    Returns:
        A function like `Backbone.from_bytes`.

    Raises:
        ConfigError: There is no working compiler.
    """
    for name, layer in list(backbone.trunk.named_modules()):
        if type(layer).__name__ == "Conv2dSame" and min(layer.kernel_size) >= max(layer.stride):
            backbone.trunk.set_submodule(name, _SamePadding(layer))
    compiled = torch.compile(backbone.from_bytes, dynamic=True)
    _check_compiler(backbone.mean.device)

    def run(pixels: Tensor) -> list[Tensor]:
        is_common = len(pixels) > 1 and min(pixels.shape[-2:]) >= _MIN_SIDE
        return compiled(pixels) if is_common else backbone.from_bytes(pixels)

    return run


class _SamePadding(nn.Module):
    """The layer `Conv2dSame` of timm, whose padding depends on the size of the maps, in integer arithmetic.

    timm computes it with floats, through which torch takes minutes to trace sizes that are not known.

    Args:
        convolution: Layer whose kernel is no smaller than its stride.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, maps: Tensor) -> Tensor:
        own = self.convolution
        padding: list[int] = []
        for axis in (1, 0):  # `pad` takes the last dimension first
            size, stride = maps.shape[axis - 2], own.stride[axis]
            total = (-(-size // stride) - 1) * stride + own.dilation[axis] * (own.kernel_size[axis] - 1) + 1 - size
            padding += [total // 2, total - total // 2]
        padded = functional.pad(maps, padding)
        return functional.conv2d(padded, own.weight, own.bias, own.stride, 0, own.dilation, own.groups)


def _check_compiler(device: str | torch.device) -> None:
    try:
        torch.compile(lambda values: values.exp() + 1)(torch.zeros(8, device=device))
    except Exception as error:  # torch searches for compilers in many ways
        raise ConfigError(f"--compile needs a C++ compiler, such as g++, on every node: {reason(error)}") from error
