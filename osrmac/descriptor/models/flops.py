"""Floating-point operations of a backbone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.utils.flop_counter import FlopCounterMode

from osrmac.descriptor.models.backbones import Backbone
from osrmac.descriptor.resize import scaled_size

__all__ = ["flops_per_image"]

_USUAL = (4, 3)


def flops_per_image(
    backbone: Backbone, image_sizes: Sequence[int], shapes: Sequence[tuple[int, int]] = (_USUAL,)
) -> float:
    """Return the mean number of operations for images of some shapes; a multiplication and an addition are two.

    They are counted for an image of 4:3 at each size, and taken to be proportional to the number of pixels for others:
    close for convolutions, whose maps are rounded up, and for attention. Nothing is computed.

    Args:
        backbone: Network, which is moved to the device `meta`, and of no use afterwards.
        image_sizes: Lengths of the longest side at which an image is seen, in pixels.
        shapes: Widths and heights of the images, in any unit.
    """
    backbone.to("meta")
    total = 0.0
    for longest_side in image_sizes:
        counter = FlopCounterMode(display=False)
        width, height = scaled_size(*_USUAL, longest_side, backbone.patch)
        with counter, torch.inference_mode():
            backbone(torch.zeros(1, 3, height, width, device="meta"))
        seen = [scaled_size(*shape, longest_side, backbone.patch) for shape in shapes]
        pixels = sum(width * height for width, height in seen) / len(seen)
        total += counter.get_total_flops() * pixels / (width * height)
    return total
