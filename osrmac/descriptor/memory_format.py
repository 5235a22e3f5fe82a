"""How feature maps lie in memory, which changes no value but decides which of torch's loops runs."""

from torch import Tensor

__all__ = ["as_batch"]


def as_batch(maps: Tensor) -> Tensor:
    """Maps, (..., C, H, W), as a batch, (N, C, H, W), and channels-last for torch if they are.

    `maps[None]` holds the same for one image, but torch tells the layout by the strides, and does not recognise
    channels-last in those that it gets: its loop for pooling is then forty times slower.
    """
    if maps.ndim == 3:
        return maps.permute(1, 2, 0)[None].permute(0, 3, 1, 2)
    return maps.flatten(end_dim=-4)
