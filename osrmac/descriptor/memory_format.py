"""Reshaping of feature maps that keeps their memory format, by which torch chooses its kernels."""

from torch import Tensor

__all__ = ["to_nchw"]


def to_nchw(maps: Tensor) -> Tensor:
    """Reshape feature maps, (..., C, H, W), to a batch, (N, C, H, W), that is channels-last if the maps are.

    For a single image, `maps[None]` has the same values, but torch infers the memory format from the strides and does
    not recognise channels-last in those of `maps[None]`: its pooling is then forty times slower.
    """
    if maps.ndim == 3:
        return maps.permute(1, 2, 0)[None].permute(0, 3, 1, 2)
    return maps.flatten(end_dim=-4)
