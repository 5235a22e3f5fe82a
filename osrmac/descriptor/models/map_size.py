"""The size of a layer's feature maps, from the architecture alone: no weights are loaded, and no pixel is computed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch

from osrmac.descriptor.models.architectures import get_architecture
from osrmac.descriptor.resize import scaled_size

__all__ = ["map_sizes"]


def map_sizes(backbone: str, layer: str) -> Callable[[int, int, int], tuple[int, int]]:
    """Return a function from the size of an image, and of its longest side as it is seen, to the size of its map.

    The arguments of the function are the width and height of the image and an image size, all in pixels; its result is
    the height and width of the feature map in cells.

    The network is run on torch's meta device, where tensors have a shape only, so that strides, padding and rounding
    are those of the network itself.

    Args:
        backbone: Name of the architecture.
        layer: Name of the layer.

    Raises:
        ConfigError: The backbone is unknown, or needs timm, which is not installed.
    """
    architecture = get_architecture(backbone)
    with torch.device("meta"):
        trunk = architecture.create_extractor(architecture.create().eval(), {layer: layer})

    @cache
    @torch.inference_mode()
    def size(width: int, height: int, longest_side: int) -> tuple[int, int]:
        width, height = scaled_size(width, height, longest_side, architecture.patch)
        rows, columns = trunk(torch.empty(1, 3, height, width, device="meta"))[layer].shape[-2:]
        return rows, columns

    return size
