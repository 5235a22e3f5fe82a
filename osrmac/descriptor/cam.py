"""Class activation maps (Zhou et al. 2016), which show where in an image its most likely class is seen."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from osrmac.descriptor.memory_format import to_nchw

__all__ = ["apply_mask", "heatmap", "threshold"]

_THRESHOLD = 0.9


def heatmap(maps: Tensor, classifier: nn.Linear, sizes: int = 1) -> Tensor:
    """Return the contribution of each position to the highest class score (paper, section 3.4, "Localisation").

    Args:
        maps: Feature maps that the classifier averages, summed over image sizes, (..., C, H, W).
        classifier: Linear layer from C features to class scores.
        sizes: Number of image sizes that are summed. The sum is divided by it, so that scores are those of one size.

    Returns:
        Heatmaps, (..., H, W), in units of the class score.
    """
    scores = classifier(maps.mean(dim=(-2, -1)) / sizes)
    weight = classifier.weight[scores.argmax(dim=-1)]
    return torch.einsum("...c,...chw->...hw", weight, maps) / sizes


def threshold(heat: Tensor) -> Tensor:
    """Return the mask of positions where a heatmap, (..., H, W), exceeds 0.9 of its mean; all if there are none."""
    above = heat > _THRESHOLD * heat.mean(dim=(-2, -1), keepdim=True)
    return above | ~above.any(dim=-1, keepdim=True).any(dim=-2, keepdim=True)


def apply_mask(maps: Tensor, mask: Tensor) -> Tensor:
    """Set feature maps to zero outside of a mask, resized to them by nearest neighbour.

    Args:
        maps: Feature maps, (..., C, h, w).
        mask: Boolean mask, (..., H, W).
    """
    size = maps.shape[-2:]
    batch = to_nchw(mask.unsqueeze(-3).to(maps.dtype))
    resized = functional.interpolate(batch, size=size, mode="nearest-exact")
    return maps * resized.view(*mask.shape[:-2], 1, *size)
