"""The named descriptors, all computed from the same feature maps.

Rows of the paper's Tables 1 and 4: `single` is the baseline, `late` is M-R, `early` is M-R l_j,
`early_prev` is M-R l_{j-1}, `osrmac` is M-R l_j & l_{j-1}, and `osrmac_local` is the local descriptor of + CAM.
The systems that the paper builds on see one scale, the middle one: `mac` (Razavian et al. 2014), `rmac` and
`rmac_integral` (Tolias et al. 2016), `msrmac` (Li et al. 2017, every tap, weighted equally); with `late_` in front
they are fused over the scales as Gordo et al. do. `rmac_regions` keeps the vectors of the regions, so that each can
be whitened before they are summed, as Tolias et al. do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor, nn

from osrmac.descriptor import cam, fusion, pooling, regions
from osrmac.errors import ConfigError

__all__ = ["RECIPES", "FeatureMaps", "Recipe", "get_recipes"]


class FeatureMaps:
    """The maps of one image, or of several of one size, and what several recipes derive from them, computed once.

    Args:
        maps: `maps[s][t]` is the map of scale `s`, the largest first, at tap `t`, the last layer first:
            (C_t, H_s, W_s), or of several images (N, C_t, H_s, W_s). N stands in front of all that follows, too.
        classifier: Of the mean of the first tap; needed by `osrmac_local` alone.

    Attributes:
        middle: The maps of the middle scale.
        fused: The early fusion of all scales at a tap, (C, H, W).
        early: The pooled early fusion at a tap, (C,).
        where: The mask of the class activation map, (H_0, W_0).
    """

    def __init__(self, maps: Sequence[Sequence[Tensor]], classifier: nn.Linear | None = None) -> None:
        # Cached methods would hold on to `self`, and the maps would stay in memory until a garbage collection.
        fused = cache(lambda layer: fusion.early([scale[layer] for scale in maps]))

        def where() -> Tensor:
            if classifier is None:
                raise ValueError("a class activation map needs the classifier")
            return cam.mask(cam.heatmap(fused(0), classifier, len(maps)))

        self.maps = maps
        self.middle = maps[len(maps) // 2]
        self.fused: Callable[[int], Tensor] = fused
        self.early: Callable[[int], Tensor] = cache(lambda layer: pooling.osrmac(fused(layer)))
        self.where: Callable[[], Tensor] = cache(where)


@dataclass(frozen=True)
class Recipe:
    """How a descriptor is made of feature maps."""

    compute: Callable[[FeatureMaps], Tensor]

    layers: tuple[int, ...] | None = (0,)
    """Positions of the taps whose channels it is made of, None for all; its dimension is their sum."""

    needs_classifier: bool = False

    regional: bool = False
    """Whether it gives a vector for each region, (R, d), instead of one, (d,)."""

    def parts(self, channels: Sequence[int]) -> tuple[int, ...]:
        """Lengths of what each tap adds, for a backbone with these numbers of channels at its taps."""
        return tuple(channels) if self.layers is None else tuple(channels[layer] for layer in self.layers)

    def dimension(self, channels: Sequence[int]) -> int:
        """Length of the descriptor, or of one region's."""
        return sum(self.parts(channels))


def _of_middle(pool: Callable[[Tensor], Tensor]) -> Recipe:
    return Recipe(lambda features: pool(features.middle[0]))


def _late(pool: Callable[[Tensor], Tensor]) -> Recipe:
    return Recipe(lambda features: fusion.late([pool(scale[0]) for scale in features.maps]))


def _msrmac(maps: Sequence[Tensor]) -> Tensor:
    return torch.cat([regions.rmac(layer) for layer in maps], dim=-1)


def _late_msrmac(features: FeatureMaps) -> Tensor:
    layers = range(len(features.maps[0]))
    return torch.cat([fusion.late([regions.rmac(scale[layer]) for scale in features.maps]) for layer in layers], dim=-1)


def _local(features: FeatureMaps) -> Tensor:
    where = features.where()
    return torch.cat([pooling.osrmac(cam.masked(features.fused(layer), where)) for layer in (0, 1)], dim=-1)


def _integral(maps: Tensor) -> Tensor:
    return regions.rmac_of(regions.power_means(maps))


RECIPES = {
    "single": _of_middle(pooling.osrmac),
    "late": _late(pooling.osrmac),
    "early": Recipe(lambda features: features.early(0)),
    "early_prev": Recipe(lambda features: features.early(1), layers=(1,)),
    "osrmac": Recipe(lambda features: torch.cat([features.early(0), features.early(1)], dim=-1), layers=(0, 1)),
    "osrmac_local": Recipe(_local, layers=(0, 1), needs_classifier=True),
    "mac": _of_middle(regions.mac),
    "late_mac": _late(regions.mac),
    "rmac": _of_middle(regions.rmac),
    "late_rmac": _late(regions.rmac),
    "rmac_integral": _of_middle(_integral),
    "rmac_regions": replace(_of_middle(regions.region_maxima), regional=True),
    "msrmac": Recipe(lambda features: _msrmac(features.middle), layers=None),
    "late_msrmac": Recipe(_late_msrmac, layers=None),
}


def get_recipes(names: Sequence[str], layers: int, *, classifier: bool = True) -> dict[str, Recipe]:
    """The recipes of these names, for a backbone with so many taps, with or without a classifier.

    Raises:
        ConfigError: A name is unknown, or a recipe needs more than the backbone has.
    """
    for name in names:
        if name not in RECIPES:
            raise ConfigError(f"unknown recipe '{name}': choose from {', '.join(RECIPES)}")
        needed = max(RECIPES[name].layers or (0,)) + 1
        if needed > layers:
            raise ConfigError(f"recipe '{name}' needs {needed} taps, not {layers}")
        if RECIPES[name].needs_classifier and not classifier:
            raise ConfigError(
                f"recipe '{name}' needs a classifier behind the first tap, and these weights and taps have none"
            )
    return {name: RECIPES[name] for name in names}
