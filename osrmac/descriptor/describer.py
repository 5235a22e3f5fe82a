"""Encoded images in; for each, its descriptors or the reason why there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from osrmac.config import DescriptorConfig
from osrmac.descriptor import backbones
from osrmac.descriptor.backbones import Backbone
from osrmac.descriptor.images import Box, DecodeError, crop, decode, to_scale
from osrmac.descriptor.recipes import FeatureMaps, get_recipes
from osrmac.errors import reason

__all__ = ["Describer", "Description", "Failure"]

_PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Description:
    """What was computed from one image.

    Attributes:
        width: Of the upright image in pixels, before any cropping.
        height: Likewise.
        vectors: For each recipe its descriptor, float32, (d,); of a recipe of regions (R, d), where R varies.
    """

    width: int
    height: int
    vectors: dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Failure:
    """Why an image has no descriptors.

    Attributes:
        stage: `decode`, `crop` or `describe`.
        reason: One line.
    """

    stage: str
    reason: str


class Describer:
    """Computes descriptors, one image at a time: neighbours in a batch cannot change a vector.

    Args:
        backbone: The network, on the CPU; it is moved to the device.
        config: Recipes, scales and decoding; its `backbone`, `weights` and `taps` are not looked at.
        device: A torch device.

    Raises:
        ConfigError: A recipe is unknown or needs more than the backbone has.
    """

    def __init__(self, backbone: Backbone, config: DescriptorConfig, device: str = "cpu") -> None:
        self.config = config
        self.device = torch.device(device)
        self.recipes = get_recipes(config.recipes, len(backbone.taps), classifier=backbone.classifier is not None)
        self.parts = {name: recipe.parts(backbone.channels) for name, recipe in self.recipes.items()}
        self.dimensions = {name: sum(lengths) for name, lengths in self.parts.items()}
        self.backbone = backbone.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.backbone.trunk.to(_PRECISIONS[config.precision])

    @classmethod
    def load(cls, config: DescriptorConfig, device: str = "cpu") -> Describer:
        """A describer with the weights that the configuration names.

        Raises:
            ConfigError: Unknown backbone, tap or recipe.
            WeightsError: The weights cannot be had or do not fit.
        """
        weights = backbones.load_weights(config.backbone, config.weights)
        return cls(backbones.build(config.backbone, config.taps, weights.state), config, device)

    def __call__(
        self, encoded: Sequence[bytes], boxes: Sequence[Box | None] | None = None
    ) -> list[Description | Failure]:
        """Describe images, or what boxes cut out of them.

        Args:
            encoded: Contents of image files.
            boxes: For each image the part to describe, or None for all of it.

        Returns:
            One result an image, in the same order. Bad images give failures, never exceptions.
        """
        parts = boxes if boxes is not None else [None] * len(encoded)
        return [self._describe(data, box) for data, box in zip(encoded, parts, strict=True)]

    def _describe(self, encoded: bytes, box: Box | None) -> Description | Failure:
        try:
            image = decode(encoded, exif_orientation=self.config.exif_orientation, max_pixels=self.config.max_pixels)
        except DecodeError as error:
            return Failure("decode", str(error))
        try:
            part = crop(image, box) if box is not None else image
        except DecodeError as error:
            return Failure("crop", str(error))
        try:
            vectors = self.vectors(part)
        except Exception as error:  # a network may raise anything at a picture too small or too large for it
            return Failure("describe", reason(error))
        if not all(np.isfinite(vector).all() for vector in vectors.values()):
            return Failure("describe", "the descriptor is not finite")
        return Description(image.width, image.height, vectors)

    def vectors(self, image: Image.Image) -> dict[str, NDArray[np.float32]]:
        """The descriptors of an RGB picture, one for each recipe, float32, (d,) or (R, d)."""
        with torch.inference_mode():
            features = FeatureMaps(self.feature_maps(image), self.backbone.classifier)
            return {name: recipe.compute(features).float().cpu().numpy() for name, recipe in self.recipes.items()}

    @torch.inference_mode()
    def feature_maps(self, image: Image.Image) -> list[list[torch.Tensor]]:
        """The maps of an RGB picture: `[s][t]` is (C_t, H_s, W_s) at scale s, the largest first, and tap t."""
        return [self._forward(image, scale) for scale in sorted(self.config.scales, reverse=True)]

    def _forward(self, image: Image.Image, scale: int) -> list[torch.Tensor]:
        pixels = to_scale(image, scale).to(self.device).float().div(255)[None]
        maps = self.backbone(pixels.contiguous(memory_format=torch.channels_last))
        return [tap[0] for tap in maps]
