"""A picture of what the class activation map sees: the photo, the heat over it, and what the mask leaves."""

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

__all__ = ["explain"]

_STOPS = (0.0, 0.35, 0.7, 1.0)
_COLOURS = np.array([[0, 0, 0], [150, 20, 60], [250, 150, 30], [255, 255, 200]], dtype=float)
_DIMMED = 0.2
_GAP = 8


@torch.inference_mode()
def explain(describer: Describer, image: Image.Image, height: int = 400) -> Image.Image:
    """Three panels side by side: the photo, its heatmap laid over it, and the photo with the rest dimmed.

    Args:
        describer: With a backbone that has a classifier.
        image: An RGB picture.
        height: Of the panels, in pixels.

    Raises:
        ConfigError: The backbone has no classifier behind its first tap.
    """
    classifier = describer.backbone.classifier
    if classifier is None:
        raise ConfigError("a class activation map needs a classifier behind the first tap: use the backbone's own taps")
    maps = describer.feature_maps(image)
    heat = cam.heatmap(FeatureMaps(maps).fused(0), classifier, len(maps))
    photo = image.resize((max(1, round(image.width * height / image.height)), height), Image.Resampling.LANCZOS)
    panels = [photo, _heated(photo, heat), _dimmed(photo, cam.mask(heat))]
    sheet = Image.new("RGB", (3 * photo.width + 2 * _GAP, height), "white")
    for number, panel in enumerate(panels):
        sheet.paste(panel, (number * (photo.width + _GAP), 0))
    return sheet


def _heated(photo: Image.Image, heat: Tensor) -> Image.Image:
    span = (heat.max() - heat.min()).clamp(min=torch.finfo(heat.dtype).tiny)
    share = _stretched((heat - heat.min()) / span, photo.size, Image.Resampling.BILINEAR)
    colours = np.stack([np.interp(share, _STOPS, channel) for channel in _COLOURS.T], axis=-1)
    return Image.blend(photo, Image.fromarray(colours.astype(np.uint8)), 0.6)


def _dimmed(photo: Image.Image, mask: Tensor) -> Image.Image:
    kept = _stretched(mask.float(), photo.size, Image.Resampling.NEAREST)
    light = kept + (1 - kept) * _DIMMED
    return Image.fromarray((np.asarray(photo) * light[..., None]).astype(np.uint8))


def _stretched(values: Tensor, size: tuple[int, int], resampling: Image.Resampling) -> NDArray[np.float32]:
    return np.asarray(Image.fromarray(values.float().cpu().numpy()).resize(size, resampling))
