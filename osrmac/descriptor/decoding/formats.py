"""The image formats that are decoded."""

from functools import cache

from PIL import Image

from osrmac.descriptor.decoding import heif

__all__ = ["FORMATS", "available_formats", "refused_format"]

FORMATS = (
    "AVIF",
    "BMP",
    "DCX",
    "DDS",
    "DIB",
    "GIF",
    "HEIF",
    "JPEG",
    "JPEG2000",
    "MSP",
    "PCD",
    "PCX",
    "PNG",
    "PPM",
    "PSD",
    "QOI",
    "SGI",
    "SUN",
    "TGA",
    "TIFF",
    "WEBP",
    "XBM",
    "XPM",
)
"""Formats for pictures, of Pillow and of its plugin pillow-heif. Their plugins open no file of another format inside,
start no process, and learn the size before they decompress anything. The plugins of other formats may do all that."""


@cache
def available_formats() -> tuple[str, ...]:
    """Return the formats that are installed, in the order of Pillow: some plugins accept files of any content."""
    Image.init()
    heif.register()
    return tuple(name for name in Image.OPEN if name in FORMATS)


def refused_format(encoded: bytes) -> str | None:
    """Return the name of another format that Pillow knows by the first bytes of its files, or None."""
    for name, (_, accept) in Image.OPEN.items():
        if name not in FORMATS and accept is not None and accept(encoded[:16]) is True:
            return name
    return None
