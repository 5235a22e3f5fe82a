"""Suffixes of the files that a listing takes for images."""

from functools import cache
from importlib.util import find_spec

__all__ = ["image_suffixes", "is_image_name"]

_ALWAYS = (
    ".avif",
    ".bmp",
    ".gif",
    ".j2k",
    ".jfif",
    ".jp2",
    ".jpe",
    ".jpeg",
    ".jpf",
    ".jpg",
    ".jpx",
    ".pgm",
    ".png",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)
_HEIF = (".heic", ".heif", ".hif")


@cache
def image_suffixes() -> tuple[str, ...]:
    """Return the suffixes in lower case, sorted; those of HEIF only if the extra `heif` is installed."""
    return tuple(sorted(_ALWAYS + _HEIF)) if find_spec("pillow_heif") else _ALWAYS


def is_image_name(name: str) -> bool:
    """Return whether a file of this name or path is taken for an image."""
    return name.lower().endswith(image_suffixes())
