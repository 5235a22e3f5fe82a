"""Options on which descriptors depend, and the fingerprint of their values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Self

from osrmac.config.checks import at_least_one
from osrmac.config.choices import Precision
from osrmac.errors import ConfigError

__all__ = ["DEMO_DESCRIPTOR", "BackboneConfig", "DescriptorConfig", "canonical", "fingerprint"]

_FINGERPRINTED_FORMAT = 1  # constant since version 0.1.0: a new file format changes no descriptor

_STORED_NAMES = {"layers": "taps", "image_sizes": "scales"}
"""Options that run.json and the fingerprint store under another name, that of version 0.1.0."""


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """The network, and the images that it sees."""

    backbone: Annotated[str, "NAME"] = "resnet50"
    """Network: resnet18, resnet34, resnet50, resnet101, resnet152, resnet50_caffe, efficientnet_lite0,
    efficientnet_lite1, efficientnet_lite2, or timm:NAME for a network of the timm package."""

    weights: Annotated[str, "auto|PATH|random:SEED"] = "auto"
    """Weights of the network: auto for the published ones, the path or URL of a checkpoint, or random:SEED."""

    layers: Annotated[tuple[str, ...], "NAME ..."] = ()
    """Layers whose feature maps are pooled, the last layer first. (default: the last two stages of the backbone; of a
    vision transformer, the last block and the one at two thirds)"""

    image_sizes: Annotated[tuple[int, ...], "PIXELS ..."] = (1050, 800, 550)
    """Sizes at which an image is described: its longest side in pixels. Recipes of one size use the middle one.
    Vision transformers see both sides rounded to multiples of their patch."""

    precision: Precision = "fp32"
    """Floating-point format of the network; pooling always computes in fp32. bf16 is faster on GPUs and on CPUs
    with AMX or AVX512-BF16; fp16 is more exact than bf16 and as fast on GPUs, but slow on most CPUs."""

    exif_orientation: bool = True
    """Rotate images as their EXIF orientation says."""

    max_pixels: Annotated[int, "PIXELS"] = 178_956_970
    """Largest number of pixels of an image. Larger images, and images whose decoding takes as much memory, fail as
    possible decompression bombs."""

    def __post_init__(self) -> None:
        if not self.image_sizes or min(self.image_sizes) < 1 or len(set(self.image_sizes)) < len(self.image_sizes):
            raise ConfigError(f"--image-sizes must be distinct positive numbers of pixels, not {self.image_sizes}")
        at_least_one(self, "max_pixels")


@dataclass(frozen=True, kw_only=True)
class DescriptorConfig(BackboneConfig):
    """The descriptors to compute. They depend on nothing but these options and the weights."""

    recipes: Annotated[tuple[str, ...], "NAME ..."] = ("osrmac",)
    """Descriptors to compute, all in one pass of the network: single, late, early, early_prev, osrmac, osrmac_local,
    mac, late_mac, rmac, late_rmac, rmac_integral, rmac_regions, msrmac, late_msrmac, gem, late_gem, max_gem,
    superglobal, global."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.recipes:
            raise ConfigError("no recipe given: name at least one, for example --recipes osrmac")
        if len(set(self.recipes)) < len(self.recipes):
            raise ConfigError(f"a recipe is named twice in --recipes {' '.join(self.recipes)}")

    def to_json(self) -> dict[str, Any]:
        """Return the options under their stored names, as run.json has them."""
        return {_STORED_NAMES.get(key, key): value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the configuration that `to_json` stored; lists become tuples."""
        names = {stored: name for name, stored in _STORED_NAMES.items()}
        options: dict[str, Any] = {
            names.get(key, key): tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**options)


DEMO_DESCRIPTOR = DescriptorConfig(
    backbone="efficientnet_lite0", recipes=("single", "late", "early", "early_prev", "osrmac")
)
"""Descriptors of the demo: a network whose weights are a Python package, and the steps of the paper as recipes."""


def canonical(descriptor: DescriptorConfig, *, layers: tuple[str, ...], weights: str) -> dict[str, Any]:
    """Return everything that the descriptors of a run depend on, as plain JSON values.

    Args:
        descriptor: The configuration.
        layers: Names of the layers that the backbone reads, the last layer first.
        weights: Digest of the loaded weights.
    """
    values = descriptor.to_json() | {"taps": layers, "weights": weights, "format": _FINGERPRINTED_FORMAT}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in sorted(values.items())}


def fingerprint(values: dict[str, Any]) -> str:
    """Return the SHA-256 of a canonical form in hex, equal for equal descriptors only."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
