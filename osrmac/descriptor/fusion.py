"""Fusion of an image's sizes, as feature maps (early) or as vectors (late)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from osrmac.descriptor.memory_format import to_nchw

__all__ = ["early", "late", "maximum"]


def early(maps: Sequence[Tensor]) -> Tensor:
    """Sum the feature maps of all image sizes, bilinearly rescaled to the first (paper, section 3.4, "early fusion").

    Args:
        maps: One map per image size, the largest size first, each (..., C, H_s, W_s).

    Returns:
        The fused map, (..., C, H_0, W_0).
    """
    largest = maps[0]
    size = largest.shape[-2:]
    fused = largest
    for other in maps[1:]:
        rescaled = functional.interpolate(to_nchw(other), size=size, mode="bilinear", align_corners=False)
        fused = fused + rescaled.view(largest.shape)
    return fused


def late(vectors: Sequence[Tensor]) -> Tensor:
    """L2-normalise the vectors of all image sizes, sum them, and L2-normalise the sum (Gordo et al. 2017; section 3.3).

    Args:
        vectors: One vector per image size, each (..., C).

    Returns:
        Vectors of unit L2 norm, (..., C).
    """
    return functional.normalize(_unit(vectors).sum(dim=0), dim=-1)


def maximum(vectors: Sequence[Tensor]) -> Tensor:
    """Return the elementwise maximum of the L2-normalised vectors of all image sizes (Shao et al. 2023, scale GeM).

    It is L2-normalised again, as in the evaluation code of the authors.

    Args:
        vectors: One vector per image size, each (..., C).

    Returns:
        Vectors of unit L2 norm, (..., C).
    """
    return functional.normalize(_unit(vectors).amax(dim=0), dim=-1)


def _unit(vectors: Sequence[Tensor]) -> Tensor:
    """Stack the vectors of all image sizes, each of unit L2 norm."""
    return functional.normalize(torch.stack(list(vectors)), dim=-1)
