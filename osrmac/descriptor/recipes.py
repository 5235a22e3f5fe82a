"""Named descriptors, all computed from the same feature maps.

Rows of the paper's Tables 1 and 4: `single` is the baseline, `late` is M-R, `early` is M-R l_j, `early_prev` is
M-R l_{j-1}, `osrmac` is M-R l_j & l_{j-1}, and `osrmac_local` is the local descriptor of + CAM.

The descriptors that the paper builds on use the middle image size alone: `mac` (Razavian et al. 2014), `rmac` and
`rmac_integral` (Tolias et al. 2016), and `msrmac` (Li et al. 2017; all layers, equally weighted). The prefix `late_`
marks their late fusion over all image sizes (Gordo et al. 2017). `rmac_regions` keeps one vector per region, so that
each can be whitened before they are summed, as Tolias et al. do.

`gem` pools by generalised means (Radenovic et al. 2019), also at the middle size alone. The prefix `max_` marks the
elementwise maximum over all image sizes, which is the fusion of `superglobal` too (Shao et al. 2023).

`global` pools nothing itself: it is the network's own embedding of the whole image at the middle image size, the input
of its classifier, L2-normalised. Transformers are trained for it: it is the class token of DINOv2 and DINOv3, and the
attention-pooled vector of SigLIP and Perception Encoder. Of a ResNet, it is the spatial mean of the last layer.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from osrmac.descriptor import cam, fusion, pooling, regions
from osrmac.errors import ConfigError

__all__ = ["RECIPES", "FeatureMaps", "Recipe", "get_recipes", "need_embedding", "never_wait", "register_recipe"]


class FeatureMaps:
    """Feature maps of one image, or of a batch of images of equal size, with cached intermediate results.

    Args:
        maps: `maps[s][t]` is the map at image size `s`, the largest first, of layer `t`, the last layer first:
            (C_t, H_s, W_s), or (N, C_t, H_s, W_s) for a batch. All results of a batch have the leading dimension N,
            too.
        classifier: Linear layer over the spatial mean of the first layer; only `cam_mask` needs it.
        embedding: The network's own embedding of the whole image at the middle size, (D,) or (N, D); only recipes with
            `needs_embedding` need it.

    Attributes:
        maps: The maps, as given.
        middle: The maps of all layers at the middle image size.
        fused: Function of a layer `t` to the early fusion of its maps, (C_t, H_0, W_0).
        early: Function of a layer `t` to the OS-RMAC vector of its early fusion, (C_t,).
        cam_mask: Function that returns the mask of the class activation map, (H_0, W_0).
        embedding: Function that returns the embedding of the whole image, (D,).
    """

    def __init__(
        self,
        maps: Sequence[Sequence[Tensor]],
        classifier: nn.Linear | None = None,
        embedding: Tensor | None = None,
    ) -> None:
        # Cached methods would keep a reference to `self`, and so the maps in memory until the next garbage collection.
        fused = cache(lambda layer: fusion.early([of_size[layer] for of_size in maps]))

        def cam_mask() -> Tensor:
            if classifier is None:
                raise ValueError("a class activation map needs a classifier")
            return cam.threshold(cam.heatmap(fused(0), classifier, len(maps)))

        def given_embedding() -> Tensor:
            if embedding is None:
                raise ValueError("the backbone gave no embedding of the whole image")
            return embedding

        self.maps = maps
        self.middle = maps[len(maps) // 2]
        self.fused: Callable[[int], Tensor] = fused
        self.early: Callable[[int], Tensor] = cache(lambda layer: pooling.osrmac(fused(layer)))
        self.cam_mask: Callable[[], Tensor] = cache(cam_mask)
        self.embedding: Callable[[], Tensor] = given_embedding


@dataclass(frozen=True)
class Recipe:
    """Definition of a descriptor."""

    compute: Callable[[FeatureMaps], Tensor]
    """Computes the descriptor, (..., d), or (..., R, d) if `regional`."""

    layers: tuple[int, ...] | None = (0,)
    """Positions of the layers whose channels the descriptor concatenates, 0 for the last layer; None for all layers."""

    needs_classifier: bool = False
    """Whether `compute` uses `FeatureMaps.cam_mask`."""

    needs_embedding: bool = False
    """Whether the descriptor contains `FeatureMaps.embedding`, after the parts of the layers."""

    regional: bool = False
    """Whether the descriptor has one vector per region, (R, d), instead of one vector, (d,)."""

    def parts(self, channels: Sequence[int], embedding: int | None = None) -> tuple[int, ...]:
        """Return the length of the part of each layer, and of the embedding of the whole image if it is a part.

        Args:
            channels: Number of channels of each layer of the backbone.
            embedding: Length of the backbone's embedding, if it has one.
        """
        of_layers = tuple(channels) if self.layers is None else tuple(channels[layer] for layer in self.layers)
        return (*of_layers, embedding) if self.needs_embedding and embedding is not None else of_layers

    def dimension(self, channels: Sequence[int], embedding: int | None = None) -> int:
        """Return the length d of a vector."""
        return sum(self.parts(channels, embedding))


def _at_middle_size(pool: Callable[[Tensor], Tensor]) -> Recipe:
    return Recipe(lambda features: pool(features.middle[0]))


def _late(pool: Callable[[Tensor], Tensor]) -> Recipe:
    return Recipe(lambda features: fusion.late([pool(of_size[0]) for of_size in features.maps]))


def _maximum(pool: Callable[[Tensor], Tensor]) -> Recipe:
    return Recipe(lambda features: fusion.maximum([pool(of_size[0]) for of_size in features.maps]))


def _msrmac(maps: Sequence[Tensor]) -> Tensor:
    return torch.cat([regions.rmac(of_layer) for of_layer in maps], dim=-1)


def _late_msrmac(features: FeatureMaps) -> Tensor:
    by_layer = zip(*features.maps, strict=True)
    return torch.cat([fusion.late([regions.rmac(maps) for maps in of_layer]) for of_layer in by_layer], dim=-1)


def _osrmac_local(features: FeatureMaps) -> Tensor:
    mask = features.cam_mask()
    return torch.cat([pooling.osrmac(cam.apply_mask(features.fused(layer), mask)) for layer in (0, 1)], dim=-1)


def _rmac_integral(maps: Tensor) -> Tensor:
    return regions.aggregate_regions(regions.region_power_means(maps))


RECIPES = {
    "single": _at_middle_size(pooling.osrmac),
    "late": _late(pooling.osrmac),
    "early": Recipe(lambda features: features.early(0)),
    "early_prev": Recipe(lambda features: features.early(1), layers=(1,)),
    "osrmac": Recipe(lambda features: torch.cat([features.early(0), features.early(1)], dim=-1), layers=(0, 1)),
    "osrmac_local": Recipe(_osrmac_local, layers=(0, 1), needs_classifier=True),
    "mac": _at_middle_size(regions.mac),
    "late_mac": _late(regions.mac),
    "rmac": _at_middle_size(regions.rmac),
    "late_rmac": _late(regions.rmac),
    "rmac_integral": _at_middle_size(_rmac_integral),
    "rmac_regions": replace(_at_middle_size(regions.region_maxima), regional=True),
    "msrmac": Recipe(lambda features: _msrmac(features.middle), layers=None),
    "late_msrmac": Recipe(_late_msrmac, layers=None),
    "gem": _at_middle_size(pooling.gem),
    "late_gem": _late(pooling.gem),
    "max_gem": _maximum(pooling.gem),
    "superglobal": _maximum(pooling.superglobal),
    "global": Recipe(
        lambda features: functional.normalize(features.embedding(), dim=-1), layers=(), needs_embedding=True
    ),
}
"""All recipes by name; `register_recipe` adds others."""

_OWN = frozenset(RECIPES)

_RESERVED = {"id", "uri", "status", "error_stage", "error", "width", "height"}
"""The other columns of a run's descriptors."""


def register_recipe(name: str, recipe: Recipe) -> None:
    """Make a descriptor of your own available under a name, as those of `RECIPES` are.

    Registration is local to the process; an extraction sends the recipes to its workers. The fingerprint of a run
    contains the name of a recipe, not its code: after changing the code, use another name.

    Args:
        name: Name for the configuration, and of the Parquet column: a lower-case letter, followed by lower-case
            letters, digits and underscores.
        recipe: The definition. It must be deterministic and treat the images of a batch independently.

    Raises:
        ValueError: The name is invalid, is that of another column, or is already registered.

    >>> register_recipe("spoc", Recipe(lambda features: features.middle[0].sum(dim=(-2, -1))))
    >>> RECIPES.pop("spoc").dimension((2048, 1024))
    2048
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"'{name}' cannot name a recipe: use lower-case letters, digits and underscores")
    if name in _RESERVED:
        raise ValueError(f"'{name}' cannot name a recipe: the descriptors of a run have a column of that name")
    if name in RECIPES:
        raise ValueError(f"recipe '{name}' is already registered: choose another name")
    RECIPES[name] = recipe


def need_embedding(names: Sequence[str], known: Mapping[str, Recipe] = RECIPES) -> bool:
    """Return whether any of these recipes needs the embedding of the whole image; unknown names do not."""
    return any(name in known and known[name].needs_embedding for name in names)


def never_wait(names: Iterable[str]) -> bool:
    """Return whether a GPU is known to compute recipes without being waited for: those of this module."""
    return _OWN.issuperset(names)


def get_recipes(
    names: Sequence[str],
    layers: int,
    *,
    classifier: bool = True,
    embedding: bool = True,
    known: Mapping[str, Recipe] = RECIPES,
) -> dict[str, Recipe]:
    """Look up recipes for a backbone, in the given order.

    Args:
        names: Names of the recipes.
        layers: Number of layers that the backbone reads.
        classifier: Whether the backbone has a classifier.
        embedding: Whether the backbone returns an embedding of the whole image.
        known: Recipes to choose from.

    Raises:
        ConfigError: A name is unknown, or a recipe needs more layers, a classifier or an embedding.
    """
    for name in names:
        if name not in known:
            raise ConfigError(f"unknown recipe '{name}': choose from {', '.join(known)}")
        needed = max(known[name].layers or (0,)) + 1
        if needed > layers:
            raise ConfigError(f"recipe '{name}' needs {needed} layers, not {layers}: name more with --layers")
        if known[name].needs_classifier and not classifier:
            raise ConfigError(
                f"recipe '{name}' needs a classifier of the last layer, and these weights and layers have none"
            )
        if known[name].needs_embedding and not embedding:
            raise ConfigError(f"recipe '{name}' needs an embedding of the whole image, and this backbone has none")
    return {name: known[name] for name in names}
