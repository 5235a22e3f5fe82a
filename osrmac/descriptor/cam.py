"""Class activation maps (Zhou et al. 2016): where in a picture its most likely class is seen."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from osrmac.descriptor.layout import as_batch

__all__ = ["heatmap", "mask", "masked"]

_THRESHOLD = 0.9


def heatmap(maps: Tensor, classifier: nn.Linear, scales: int = 1) -> Tensor:
    """How much each position speaks for the class that scores highest (paper, section 3.4, "Localisation").

    Args:
        maps: The map that the classifier averages, summed over some scales, (..., C, H, W).
        classifier: From C numbers to a score for each class.
        scales: Over how many scales the map is summed; its mean then scores as a single scale's does.

    Returns:
        (..., H, W), in units of the class's score.
    """
    scores = classifier(maps.mean(dim=(-2, -1)) / scales)
    weight = classifier.weight[scores.argmax(dim=-1)]
    return torch.einsum("...c,...chw->...hw", weight, maps) / scales


def mask(heat: Tensor) -> Tensor:
    """Where a heatmap exceeds 0.9 of its mean, boolean, (..., H, W); everywhere, if it does so nowhere."""
    above = heat > _THRESHOLD * heat.mean(dim=(-2, -1), keepdim=True)
    return above | ~above.any(dim=-1, keepdim=True).any(dim=-2, keepdim=True)


def masked(maps: Tensor, where: Tensor) -> Tensor:
    """Maps of any size, (..., C, h, w), with zeros where a mask, (..., H, W), is false at the nearest position."""
    size = maps.shape[-2:]
    planes = as_batch(where.unsqueeze(-3).to(maps.dtype))
    nearest = functional.interpolate(planes, size=size, mode="nearest-exact")
    return maps * nearest.view(*where.shape[:-2], 1, *size)
