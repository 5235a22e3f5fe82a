"""From a feature map to a vector: (..., C, H, W) -> (..., C)."""

from torch import Tensor
from torch.nn import functional

from osrmac.descriptor.layout import as_batch

__all__ = ["osrmac", "window"]

LEVELS = 3


def window(shorter_side: int, level: int) -> tuple[int, int]:
    """Side and stride, in cells, of the square windows at one level (Algorithm 1, lines 19 and 20).

    Windows of a level overlap by 60%. Integer arithmetic, so no rounding error moves a window.

    Args:
        shorter_side: Smaller of the map's height and width, at least 1.
        level: 1 for the largest windows.
    """
    side = max(1, -(-2 * shorter_side // (level + 1)))
    stride = max(1, 2 * side // 5)
    return side, stride


def osrmac(maps: Tensor) -> Tensor:
    """Overlapping square-sum R-MAC (Algorithm 1, procedure OSRMAC).

    At each level the maxima over sliding windows are combined by the root of their sum of
    squares; the levels are summed and the result is L2-normalised.

    Args:
        maps: Feature maps, floating point, (..., C, H, W) with H, W >= 1.

    Returns:
        Vectors of unit L2 norm, (..., C), same dtype; the zero vector for an all-zero map.
    """
    height, width = maps.shape[-2:]
    planes = as_batch(maps)
    total = planes.new_zeros(planes.shape[:2])
    for level in range(1, LEVELS + 1):
        side, stride = window(min(height, width), level)
        maxima = functional.max_pool2d(planes, side, stride)
        total = total + maxima.square().sum(dim=(-2, -1)).sqrt()
    return functional.normalize(total.view(maps.shape[:-2]), dim=-1)
