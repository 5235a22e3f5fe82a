"""The named descriptors, all computed from the same feature maps of one image.

Rows of the paper's Tables 1 and 4: `single` is the baseline, `late` is M-R, `early` is M-R l_j,
`early_prev` is M-R l_{j-1} and `osrmac` is M-R l_j & l_{j-1}.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from osrmac.descriptor import fusion, pooling
from osrmac.errors import ConfigError

__all__ = ["RECIPES", "FeatureMaps", "Recipe", "get_recipes"]


class FeatureMaps:
    """The maps of one image, and what several recipes derive from them, computed once.

    Args:
        maps: `maps[s][t]` is the (C_t, H_s, W_s) map of scale `s`, the largest first, at tap
            `t`, the last layer first.

    Attributes:
        fused: The early fusion of all scales at a tap, (C, H, W).
        early: The pooled early fusion at a tap, (C,).
    """

    def __init__(self, maps: Sequence[Sequence[Tensor]]) -> None:
        # Cached methods would hold on to `self`, and the maps would stay in memory until a garbage collection.
        fused = cache(lambda tap: fusion.early([scale[tap] for scale in maps]))
        self.maps = maps
        self.fused: Callable[[int], Tensor] = fused
        self.early: Callable[[int], Tensor] = cache(lambda tap: pooling.osrmac(fused(tap)))


@dataclass(frozen=True)
class Recipe:
    """How a descriptor is made of feature maps."""

    taps: tuple[int, ...]
    """Positions of the taps whose channels it is made of; its dimension is their sum."""

    compute: Callable[[FeatureMaps], Tensor]

    def dimension(self, channels: Sequence[int]) -> int:
        """Length of the descriptor for a backbone with these numbers of channels at its taps."""
        return sum(channels[tap] for tap in self.taps)


def _single(features: FeatureMaps) -> Tensor:
    middle = len(features.maps) // 2
    return pooling.osrmac(features.maps[middle][0])


def _late(features: FeatureMaps) -> Tensor:
    return fusion.late([pooling.osrmac(scale[0]) for scale in features.maps])


def _osrmac(features: FeatureMaps) -> Tensor:
    return torch.cat([features.early(0), features.early(1)])


RECIPES = {
    "single": Recipe((0,), _single),
    "late": Recipe((0,), _late),
    "early": Recipe((0,), lambda features: features.early(0)),
    "early_prev": Recipe((1,), lambda features: features.early(1)),
    "osrmac": Recipe((0, 1), _osrmac),
}


def get_recipes(names: Sequence[str], taps: int) -> dict[str, Recipe]:
    """The recipes of these names, for a backbone with so many taps.

    Raises:
        ConfigError: A name is unknown, or a recipe needs more taps than there are.
    """
    for name in names:
        if name not in RECIPES:
            raise ConfigError(f"unknown recipe '{name}': choose from {', '.join(RECIPES)}")
        if max(RECIPES[name].taps) >= taps:
            raise ConfigError(f"recipe '{name}' needs {max(RECIPES[name].taps) + 1} taps, not {taps}")
    return {name: RECIPES[name] for name in names}
