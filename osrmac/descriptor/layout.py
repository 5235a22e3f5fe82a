"""How feature maps lie in memory, which changes no value but decides which of torch's loops runs."""

from torch import Tensor

__all__ = ["batch_of_one"]


def batch_of_one(maps: Tensor) -> Tensor:
    """Maps, (C, H, W), as a batch, (1, C, H, W), not copied, and channels-last for torch if they are.

    `maps[None]` holds the same, but torch tells the layout by the strides, and does not recognise
    channels-last in those that it gets: its loop for pooling is then forty times slower.
    """
    return maps.permute(1, 2, 0)[None].permute(0, 3, 1, 2)
