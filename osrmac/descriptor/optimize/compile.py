"""Compilation of a backbone by `torch.compile` for the shapes of most photographs."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from osrmac.descriptor.resize import scaled_size
from osrmac.errors import ConfigError, reason

__all__ = ["CompiledTrunk"]

_ASPECT_RATIOS = ((4, 3), (3, 4), (3, 2), (2, 3))
"""Width to height of the photographs of most cameras."""


class CompiledTrunk(nn.Module):
    """Runs compiled code for images of common aspect ratios, and the uncompiled trunk for all others.

    Compiled code rounds differently. Which code runs depends on the shape of an image alone, not on earlier images, so
    that results stay reproducible. Each shape takes some seconds when it is first met, and a copy of the weights.

    Args:
        trunk: Trunk of a backbone, in evaluation mode, on the CPU.
        image_sizes: Longest sides of the images, in pixels.

    Raises:
        ConfigError: There is no working C++ compiler.
    """

    def __init__(self, trunk: nn.Module, image_sizes: Iterable[int]) -> None:
        super().__init__()
        self.trunk = trunk
        sizes = (scaled_size(*ratio, longest_side) for ratio in _ASPECT_RATIOS for longest_side in image_sizes)
        self.shapes = frozenset((height, width) for width, height in sizes)
        # By default, torch stops compiling after eight shapes.
        torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, len(self.shapes))
        self._compiled = torch.compile(trunk.forward, dynamic=False, options={"freezing": True})
        _check_compiler()

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Return the feature maps of pixels, (N, 3, H, W), by the name of their layer."""
        is_common = pixels.shape[-2:] in self.shapes
        maps: dict[str, Tensor] = self._compiled(pixels) if is_common else self.trunk(pixels)
        return maps


def _check_compiler() -> None:
    try:
        torch.compile(lambda values: values.exp() + 1)(torch.zeros(8))
    except Exception as error:  # torch searches for compilers in many ways
        raise ConfigError(f"--compile needs a C++ compiler, such as g++, on every node: {reason(error)}") from error
