"""Figure of a class activation map: the photo, the heatmap over it, and the masked photo."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from osrmac.descriptor import cam
from osrmac.descriptor.describer import Describer
from osrmac.descriptor.recipes import FeatureMaps
from osrmac.errors import ConfigError

__all__ = ["draw_cam"]

_COLOUR_STOPS = (0.0, 0.35, 0.7, 1.0)
_COLOURS = np.array([[0, 0, 0], [150, 20, 60], [250, 150, 30], [255, 255, 200]], dtype=float)
"""Colours of the heatmap at the stops, from the lowest to the highest heat."""

_HEATMAP_OPACITY = 0.6
_MASKED_BRIGHTNESS = 0.2
_GAP = 8
"""Pixels between two panels."""


@torch.inference_mode()
def draw_cam(describer: Describer, image: Image.Image, height: int = 400) -> Image.Image:
    """Draw the class activation map of an image as three panels side by side.

    The panels are the photo, the heatmap laid over it, and the photo with the positions outside of the mask darkened.

    Args:
        describer: Describer with a backbone that has a classifier.
        image: RGB image.
        height: Height of the panels, in pixels.

    Raises:
        ConfigError: The backbone has no classifier of its last layer.
    """
    classifier = describer.backbone.classifier
    if classifier is None:
        raise ConfigError(
            "a class activation map needs a classifier of the mean of the last layer, which transformers lack: "
            "leave out --layers, or choose another --backbone"
        )
    maps = describer.feature_maps(image)
    heat = cam.heatmap(FeatureMaps(maps).fused(0), classifier, len(maps))
    photo = image.resize((max(1, round(image.width * height / image.height)), height), Image.Resampling.LANCZOS)
    panels = [photo, _overlay(photo, heat), _darken(photo, cam.threshold(heat))]
    figure = Image.new("RGB", (3 * photo.width + 2 * _GAP, height), "white")
    for index, panel in enumerate(panels):
        figure.paste(panel, (index * (photo.width + _GAP), 0))
    return figure


def _overlay(photo: Image.Image, heat: Tensor) -> Image.Image:
    heat_range = (heat.max() - heat.min()).clamp(min=torch.finfo(heat.dtype).tiny)
    relative = _resize((heat - heat.min()) / heat_range, photo.size, Image.Resampling.BILINEAR)
    colours = np.stack([np.interp(relative, _COLOUR_STOPS, channel) for channel in _COLOURS.T], axis=-1)
    return Image.blend(photo, Image.fromarray(colours.astype(np.uint8)), _HEATMAP_OPACITY)


def _darken(photo: Image.Image, mask: Tensor) -> Image.Image:
    kept = _resize(mask.float(), photo.size, Image.Resampling.NEAREST)
    brightness = kept + (1 - kept) * _MASKED_BRIGHTNESS
    return Image.fromarray((np.asarray(photo) * brightness[..., None]).astype(np.uint8))


def _resize(values: Tensor, size: tuple[int, int], resampling: Image.Resampling) -> NDArray[np.float32]:
    return np.asarray(Image.fromarray(values.float().cpu().numpy()).resize(size, resampling))
