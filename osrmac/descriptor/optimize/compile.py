"""The network compiled for the shapes that most photographs have."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from osrmac.descriptor.resize import scaled_size
from osrmac.errors import ConfigError, reason

__all__ = ["Compiled"]

_RATIOS = ((4, 3), (3, 4), (3, 2), (2, 3))
"""Width to height of what most cameras take."""


class Compiled(nn.Module):
    """A trunk that is compiled for each usual shape when it meets it first, and runs as it is at all others.

    Whether an image is computed by compiled code, which rounds otherwise, thus depends on its own shape alone: not on
    what came before it, nor on how many are alike. Each shape takes some seconds and a copy of the weights.

    Args:
        trunk: In evaluation mode, on the CPU.
        scales: Longest sides that it will see.

    Raises:
        ConfigError: Nothing can be compiled here.
    """

    def __init__(self, trunk: nn.Module, scales: Iterable[int]) -> None:
        super().__init__()
        self.trunk = trunk
        sizes = (scaled_size(*ratio, scale) for ratio in _RATIOS for scale in scales)
        self.shapes = frozenset((height, width) for width, height in sizes)
        # Torch would give up after eight shapes, whichever these are.
        torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, len(self.shapes))
        self._compiled = torch.compile(trunk.forward, dynamic=False, options={"freezing": True})
        _check_compiler()

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Run the trunk on pixels, (N, 3, H, W)."""
        usual = pixels.shape[-2:] in self.shapes
        maps: dict[str, Tensor] = self._compiled(pixels) if usual else self.trunk(pixels)
        return maps


def _check_compiler() -> None:
    try:
        torch.compile(lambda values: values.exp() + 1)(torch.zeros(8))
    except Exception as error:  # torch looks for compilers in many ways
        raise ConfigError(f"--compile needs a C++ compiler, such as g++, on every node: {reason(error)}") from error
