"""Draw where the class activation map of an image looks."""

from __future__ import annotations

from osrmac.config import DescriptorConfig
from osrmac.descriptor.cam_figure import draw_cam
from osrmac.descriptor.describer import Describer
from osrmac.descriptor.images import DecodeError, decode
from osrmac.errors import StorageError, reason
from osrmac.storage.fetch import Fetcher

__all__ = ["explain"]


def explain(image: str, output: str, descriptor: DescriptorConfig = DescriptorConfig()) -> None:
    """Draw a photo, its heatmap and its mask side by side.

    Args:
        image: Path or URL of an image.
        output: Picture to write.
        descriptor: Backbone, weights and scales.

    Raises:
        StorageError: The image cannot be read or decoded.
        ConfigError: The backbone has no classifier.
    """
    (content,) = Fetcher()([image])
    if isinstance(content, Exception):
        raise StorageError(f"cannot read {image}: {reason(content)}")
    try:
        photo, _ = decode(content, exif_orientation=descriptor.exif_orientation, max_pixels=descriptor.max_pixels)
    except DecodeError as error:
        raise StorageError(f"cannot read {image}: {error}") from error
    draw_cam(Describer.load(descriptor), photo).save(output)
