"""Draw the class activation map of an image."""

from __future__ import annotations

from osrmac.config import BackboneConfig, DescriptorConfig, FetchConfig
from osrmac.errors import NotFoundError, StorageError, reason
from osrmac.storage.location import Location
from osrmac.storage.reading.fetch import Fetcher

__all__ = ["cam"]


def cam(
    image: str,
    output: str = "cam.png",
    backbone: BackboneConfig = BackboneConfig(),
    reading: FetchConfig = FetchConfig(),
) -> str:
    """Draw an image, its class activation map over it, and the mask of that map, side by side.

    Args:
        image: Path or URL of an image.
        output: Picture to write, in the format that its suffix names.
        backbone: Network with a classifier, its weights, and the image sizes.
        reading: Retries and limits.

    Returns:
        The output.

    Raises:
        NotFoundError: There is no such image.
        StorageError: The image cannot be read or decoded.
        ConfigError: The backbone has no classifier.
    """
    (content,) = Fetcher(reading)([Location.of(image).url])
    if isinstance(content, FileNotFoundError):
        raise NotFoundError(f"cannot read {image}: {reason(content)}")
    if isinstance(content, Exception):
        raise StorageError(f"cannot read {image}: {reason(content)}")
    # Imported here, as they load torch.
    from osrmac.descriptor.cam_figure import draw_cam
    from osrmac.descriptor.describer import Describer
    from osrmac.descriptor.images import DecodeError, decode

    try:
        photo, _ = decode(content, exif_orientation=backbone.exif_orientation, max_pixels=backbone.max_pixels)
    except DecodeError as error:
        raise StorageError(f"cannot read {image}: {error}") from error
    describer = Describer.load(DescriptorConfig(**vars(backbone), recipes=("single",)))
    draw_cam(describer, photo).save(output)
    return output
