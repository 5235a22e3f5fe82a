"""Grey thumbnails of images, to compare their pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from osrmac.config import DescriptorConfig
from osrmac.descriptor.images import DecodeError, decode
from osrmac.prefetch import prefetch
from osrmac.retrieval.picture_agreement import SIDE, agreements
from osrmac.storage.reading.fetch import Fetcher
from osrmac.storage.run import Run
from osrmac.types import Matrix

__all__ = ["GreyThumbnail", "grey_thumbnail", "picture_agreements", "read_images"]

_THREADS = 4
"""Images decoded at once."""

GreyThumbnail = NDArray[np.uint8]
"""Grey thumbnail of an image, (SIDE, SIDE)."""


def grey_thumbnail(image: Image.Image) -> GreyThumbnail:
    """Return the grey thumbnail of an RGB image, whatever its shape."""
    return np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def read_images(run: Run, uris: Iterable[str], min_longest_side: int | None = None) -> Iterator[Image.Image | None]:
    """Yield images as the run decodes them, or None for those that cannot be read.

    Args:
        run: Run with the options by which the images are read and decoded.
        uris: Locations of the images.
        min_longest_side: See `decode`.
    """
    config = run.identity().descriptor
    contents = Fetcher(run.reading())(uris)
    return prefetch(
        lambda content: _decoded(content, config, min_longest_side), contents, threads=_THREADS, depth=_THREADS
    )


def _decoded(content: bytes | Exception, config: DescriptorConfig, min_longest_side: int | None) -> Image.Image | None:
    if isinstance(content, Exception):
        return None
    try:
        return decode(
            content,
            max_pixels=config.max_pixels,
            exif_orientation=config.exif_orientation,
            min_longest_side=min_longest_side,
        ).image
    except DecodeError:
        return None


def picture_agreements(images: Sequence[tuple[Run, str]], pairs: NDArray[np.int64]) -> Matrix:
    """Return how well pairs of images agree, (m,): see `agreements`; nan where one of the two cannot be read.

    Args:
        images: Run and location of each image.
        pairs: Two images each, by number, (m, 2).
    """
    thumbnails = np.zeros((len(images), SIDE, SIDE), np.uint8)
    readable = np.zeros(len(images), np.bool_)
    for run in dict.fromkeys(run for run, _ in images):
        numbers = [number for number, (of, _) in enumerate(images) if of == run]
        for number, image in zip(numbers, read_images(run, [images[n][1] for n in numbers], 2 * SIDE), strict=True):
            if image is not None:
                thumbnails[number], readable[number] = grey_thumbnail(image), True
    found = np.full(len(pairs), np.nan, np.float32)
    (both,) = np.nonzero(readable[pairs].all(1))
    found[both] = agreements(*(thumbnails[side] for side in pairs[both].T))
    return found
