"""Bringing the scales of an image together, as maps (early) or as vectors (late)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from osrmac.descriptor.layout import as_batch

__all__ = ["early", "late"]


def early(maps: Sequence[Tensor]) -> Tensor:
    """Sum of the maps of all scales at the size of the first (paper, section 3.4, "early fusion").

    Args:
        maps: One map a scale, the largest scale first, each (..., C, H_s, W_s).

    Returns:
        The fused map, (..., C, H_0, W_0).
    """
    largest = maps[0]
    size = largest.shape[-2:]
    fused = largest
    for other in maps[1:]:
        rescaled = functional.interpolate(as_batch(other), size=size, mode="bilinear", align_corners=False)
        fused = fused + rescaled.view(largest.shape)
    return fused


def late(vectors: Sequence[Tensor]) -> Tensor:
    """Sum of the L2-normalised vectors of all scales, L2-normalised (Gordo et al. 2017; paper, section 3.3).

    Args:
        vectors: One vector a scale, each (..., C).

    Returns:
        Vectors of unit L2 norm, (..., C).
    """
    unit = functional.normalize(torch.stack(list(vectors)), dim=-1)
    return functional.normalize(unit.sum(dim=0), dim=-1)
