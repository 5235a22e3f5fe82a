"""Scans of a JPEG file, and the memory that libjpeg takes to decode them."""

import re

from PIL.JpegImagePlugin import JpegImageFile

__all__ = ["decoder_memory", "scans"]

_START_OF_SCAN = re.compile(rb"\xff\xda\0(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
"""The marker, the length of its segment, and the number of components, which determines the length."""

_COEFFICIENT = 2


def scans(encoded: bytes) -> list[int]:
    """Return the number of components of each scan in a JPEG file, in their order."""
    return [start[-1] for start in _START_OF_SCAN.findall(encoded)]


def decoder_memory(image: JpegImageFile, encoded: bytes, pixels: int) -> int:
    """Estimate the memory of the decoder, apart from the decoded image, in bytes.

    If components come in several scans, the coefficients of all of them are in memory; otherwise a few rows.

    Args:
        image: The opened image.
        encoded: Content of the file.
        pixels: Number of pixels of the image in the file.
    """
    if "progressive" not in image.info and min(scans(encoded), default=0) >= image.layers:
        return 0
    sampling = [(horizontal, vertical) for _, horizontal, vertical, _ in image.layer]
    largest = max(horizontal for horizontal, _ in sampling) * max(vertical for _, vertical in sampling)
    samples = sum(horizontal * vertical for horizontal, vertical in sampling)
    return -(-samples * _COEFFICIENT // max(largest, 1)) * pixels
