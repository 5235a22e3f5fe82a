"""The image formats that are decoded."""

from functools import cache

from PIL import Image

__all__ = ["FORMATS", "available_formats", "refused_format"]

FORMATS = (
    "AVIF",
    "BMP",
    "DCX",
    "DDS",
    "DIB",
    "GIF",
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
"""Formats of Pillow for pictures, whose plugins open no file of another format inside, start no process, and learn the
size before they decompress anything. The plugins of other formats may do all that."""


@cache
def available_formats() -> tuple[str, ...]:
    """Return the formats that this build of Pillow has, in its order: some plugins accept files of any content."""
    Image.init()
    return tuple(name for name in Image.OPEN if name in FORMATS)


def refused_format(encoded: bytes) -> str | None:
    """Return the name of another format that Pillow knows by the first bytes of its files, or None."""
    for name, (_, accept) in Image.OPEN.items():
        if name not in FORMATS and accept is not None and accept(encoded[:16]) is True:
            return name
    return None
