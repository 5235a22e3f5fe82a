"""Decoding of image files to upright RGB images, and cropping."""

import io
import math
from typing import NamedTuple

from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.TiffImagePlugin import TiffImageFile

from osrmac.descriptor.decoding import heif, jpeg, tiff
from osrmac.descriptor.decoding.formats import available_formats, refused_format
from osrmac.descriptor.decoding.memory import decoding_memory
from osrmac.descriptor.decoding.pillow_settings import pillow_settings
from osrmac.descriptor.decoding.pixels import WideGrey, to_rgb
from osrmac.descriptor.optimize import malloc
from osrmac.errors import reason
from osrmac.types import Box

__all__ = ["DecodeError", "DecodedImage", "crop", "decode", "jpeg_size"]

_TRANSPOSITIONS: dict[object, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How to turn an image upright, by its EXIF orientation."""

_INVERSE = _TRANSPOSITIONS | {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
"""How to undo that."""

_SIDEWAYS = {_TRANSPOSITIONS[orientation] for orientation in (5, 6, 7, 8)}
"""Transpositions that exchange width and height."""

_MAX_SCANS = 100
"""Scans of a JPEG. Cameras and optimizers write about ten. Each costs a pass over all pixels for about ten bytes."""

_MEMORY = 1_800_000_000
_BYTES_PER_PIXEL = 10
"""Memory that decoding an image may take, in bytes: so much per pixel of the limit, at least that of the default."""

_LARGE = 1 << 25
"""Pixels of an image whose copies are returned to the system as soon as they are freed, rather than kept for reuse."""

_TILES = 4
"""How many times the limit of pixels the tiles of a HEIF may have, those of transparency and margins included."""

_MAX_TIFF_VALUES = 1_000_000
"""Values of a TIFF tag, such as the positions of strips. Each takes up to 400 bytes as soon as the file is opened."""


class DecodeError(Exception):
    """An image cannot be decoded or cropped; the message is the reason, on one line."""


class DecodedImage(NamedTuple):
    """A decoded image.

    Attributes:
        image: Upright RGB image, smaller than the file's if it was decoded at a reduced size.
        size: Width and height of the upright image at full size, in pixels.
    """

    image: Image.Image
    size: tuple[int, int]


def decode(
    encoded: bytes,
    *,
    max_pixels: int,
    exif_orientation: bool = True,
    min_longest_side: int | None = None,
    allow_truncated: bool = False,
) -> DecodedImage:
    """Decode an image file of one of `formats.FORMATS` to RGB.

    Animations give their first frame. Transparent images are composited over white; of 16-bit pixels the high byte is
    kept. Decoding starts no process, and takes at most 1.8 GB, or 10 bytes per pixel of a larger limit: an image that
    needs more, according to its header, is refused. Thread-safe: the options apply to this call only.

    Args:
        encoded: Content of the file.
        max_pixels: Refuse images of more pixels, before these are decoded.
        exif_orientation: Turn the image upright according to its EXIF data.
        min_longest_side: Decode a JPEG at 1/2, 1/4 or 1/8 of its size, which is much faster, while its longest side
            has at least this many pixels, and a JPEG 2000 at 1/2 if it takes too much memory otherwise. None decodes at
            full size.
        allow_truncated: Decode truncated and damaged files as far as possible, for people to look at.

    Raises:
        DecodeError: The file is empty, of another format, truncated, damaged or too large.
    """
    if not encoded:
        raise DecodeError("the file is empty")
    with pillow_settings(max_pixels, allow_truncated=allow_truncated):
        try:
            return _decode(encoded, max_pixels, exif_orientation, min_longest_side)
        except DecodeError:
            raise
        except UnidentifiedImageError as error:
            raise DecodeError(_unidentified(encoded)) from error
        except Image.DecompressionBombError as error:
            raise DecodeError(f"more than twice the limit of {max_pixels} pixels") from error
        except Exception as error:  # damaged files make Pillow's plugins raise exceptions of any type
            raise DecodeError(reason(error)) from error


def _unidentified(encoded: bytes) -> str:
    """Return why no plugin has opened a file."""
    if heif.is_heif(encoded):
        return "a damaged HEIC file" if "HEIF" in available_formats() else heif.MISSING
    refused = refused_format(encoded)
    return f"{refused} is not decoded" if refused else "not an image of a known format"


def _decode(encoded: bytes, max_pixels: int, exif_orientation: bool, min_longest_side: int | None) -> DecodedImage:
    image, grey, size = _load(encoded, max_pixels, exif_orientation, min_longest_side)
    if image.mode == "F":
        raise DecodeError("floating-point pixels have no defined white")
    rgb = to_rgb(image, grey)
    del image
    if rgb.width * rgb.height > _LARGE:
        malloc.trim()
    return DecodedImage(rgb, size)


def _load(
    encoded: bytes, max_pixels: int, exif_orientation: bool, min_longest_side: int | None
) -> tuple[Image.Image, WideGrey, tuple[int, int]]:
    """Load an image and turn it upright; return it with the meaning of its pixels and its full size."""
    if tiff.longest_list(encoded) > _MAX_TIFF_VALUES:
        raise DecodeError(f"a TIFF tag of more than {_MAX_TIFF_VALUES} values")
    with Image.open(io.BytesIO(encoded), formats=available_formats()) as image:
        if image.width * image.height > max_pixels:
            raise DecodeError(f"{image.width}x{image.height} pixels are over the limit of {max_pixels}")
        if image.format in {"JPEG", "MPO"} and len(jpeg.scans(encoded)) > _MAX_SCANS:
            raise DecodeError(f"a JPEG of more than {_MAX_SCANS} scans")
        if image.format == "HEIF":
            _check_tiles(encoded, max_pixels)
        stored_size = image.size
        if min_longest_side is not None and image.format in {"JPEG", "MPO"}:  # others would decode a thumbnail
            image.draft(image.mode, _draft_size(stored_size, min_longest_side))
        _fit_into_memory(image, encoded, stored_size, min_longest_side, max(_MEMORY, _BYTES_PER_PIXEL * max_pixels))
        grey = WideGrey.of(image)
        if isinstance(image, TiffImageFile):  # Pillow turns these upright as it loads them
            transposition = None if exif_orientation else _INVERSE.get(_orientation(image))
            image.load()
        else:
            image.load()
            transposition = _TRANSPOSITIONS.get(_orientation(image)) if exif_orientation else None
        if image.format == "HEIF" and image.size != stored_size:  # the limits were those of another size
            raise DecodeError(f"{image.width}x{image.height} pixels instead of {stored_size[0]}x{stored_size[1]}")
        upright = image if transposition is None else image.transpose(transposition)
        return upright, grey, stored_size[::-1] if transposition in _SIDEWAYS else stored_size


def _check_tiles(encoded: bytes, max_pixels: int) -> None:
    """Refuse a HEIF of other images than HEVC inside, or of tiles that would take long to decode."""
    pixels = heif.coded_pixels(encoded)
    if pixels is None:
        raise DecodeError("a HEIF of other images than HEVC")
    if pixels > _TILES * max(max_pixels, _LARGE):
        raise DecodeError(f"a HEIF whose tiles have {pixels} pixels")


def _fit_into_memory(
    image: ImageFile, encoded: bytes, stored_size: tuple[int, int], min_longest_side: int | None, allowed: int
) -> None:
    """Refuse an image that takes more memory than allowed; decode a JPEG 2000 at half its size if that is enough."""
    needed = decoding_memory(image, encoded, stored_size, image.size)
    half_size = (stored_size[0] + 1) // 2, (stored_size[1] + 1) // 2
    is_large = min_longest_side is not None and max(half_size) >= min_longest_side
    if needed is not None and needed > allowed and is_large and isinstance(image, Jpeg2KImageFile):
        halved = decoding_memory(image, encoded, stored_size, half_size)
        if halved is not None and halved <= allowed:
            image.reduce = 1
            return
    if needed is None:
        raise DecodeError("the header does not tell how much memory decoding takes")
    if needed > allowed:
        raise DecodeError(f"decoding takes {needed / 1e9:.1f} GB, more than the {allowed / 1e9:.1f} GB allowed")


def _draft_size(size: tuple[int, int], longest_side: int) -> tuple[int, int]:
    """Return the minimum size for Pillow's draft mode, rounded down so that exactly twice this size is still halved."""
    return max(1, size[0] * longest_side // max(size)), max(1, size[1] * longest_side // max(size))


def jpeg_size(size: tuple[int, int], min_longest_side: int) -> tuple[int, int]:
    """Return the width and height at which `decode` decodes a JPEG, given its full size and `min_longest_side`.

    >>> jpeg_size((4001, 3000), 1050)
    (2001, 1500)
    """
    width, height = _draft_size(size, min_longest_side)
    scale = max(scale for scale in (8, 4, 2, 1) if scale == 1 or scale <= min(size[0] // width, size[1] // height))
    return -(-size[0] // scale), -(-size[1] // scale)


def _orientation(image: Image.Image) -> object:
    # ImageOps.exif_transpose also writes the EXIF data again, and fails where they cannot be written.
    try:
        return image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # EXIF data are often damaged where the image is not
        return None


def crop(image: Image.Image, box: Box) -> Image.Image:
    """Crop an image to a box, rounded to whole pixels and clipped to the image.

    Raises:
        DecodeError: No part of the box lies inside the image, or an edge is not finite.
    """
    if not all(math.isfinite(edge) for edge in box):
        raise DecodeError(f"box {box} has an edge that is not a finite number")
    left, top, right, bottom = (round(edge) for edge in box)
    clipped = max(left, 0), max(top, 0), min(right, image.width), min(bottom, image.height)
    if clipped[0] >= clipped[2] or clipped[1] >= clipped[3]:
        raise DecodeError(f"box {box} lies outside the {image.width}x{image.height} image")
    return image.crop(clipped)
