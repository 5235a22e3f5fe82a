"""Memory that decoding an image file takes, from its header, whatever its format."""

from math import prod

from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from osrmac.descriptor.decoding import avif, heif, jpeg, jpeg2000, tiff

__all__ = ["decoding_memory"]

_ROW_POINTER = 8
"""Bytes that Pillow takes for each row, beside its pixels."""

Size = tuple[int, int]


def decoding_memory(image: ImageFile, encoded: bytes, size: Size, decoded_size: Size) -> int | None:
    """Estimate how much memory decoding an image to an RGB array takes at most, beside the file itself.

    Args:
        image: The image, opened but not loaded.
        encoded: Content of its file.
        size: Width and height of the image in the file, in pixels.
        decoded_size: The same, or the reduced size at which it is to be decoded.

    Returns:
        Bytes; None if the header does not tell.
    """
    decoder = _decoder_memory(image, encoded, size, is_reduced=decoded_size != size)
    if decoder is None:
        return None
    stored, rgb, array = _stored(decoded_size, image.mode), _stored(decoded_size, "RGB"), 3 * prod(decoded_size)
    return max(decoder + stored, 2 * stored, stored + rgb, rgb + array)  # decode, turn upright, convert, copy


def _stored(size: Size, mode: str) -> int:
    """Bytes of an image in Pillow, which it may have to turn by 90 degrees, with rows padded to four bytes."""
    pixel = 1 if mode in {"1", "L", "P"} else 2 if mode.startswith("I;16") else 4
    return max(height * ((width * pixel + 3) // 4 * 4 + _ROW_POINTER) for width, height in (size, size[::-1]))


def _decoder_memory(image: ImageFile, encoded: bytes, size: Size, *, is_reduced: bool) -> int | None:
    """Bytes that the decoder takes, apart from the decoded image."""
    pixels = prod(size)
    memory: int | None = 0  # decoders in C take a few rows
    if isinstance(image, JpegImageFile):
        memory = jpeg.decoder_memory(image, encoded, pixels)
    elif isinstance(image, TiffImageFile):
        memory = tiff.decoder_memory(image, encoded)
    elif image.format == "JPEG2000":
        memory = jpeg2000.decoder_memory(encoded, halved=is_reduced)
    elif image.format == "WEBP":  # two canvases, a copy of one, transparency, and copies of the file
        memory = 13 * pixels + 2 * len(encoded)
    elif image.format == "AVIF":  # beside the planes, two copies of the pixels
        planes = avif.decoder_memory(encoded)
        memory = None if planes is None else planes + 2 * len(image.mode) * pixels + len(encoded)
    elif image.format == "HEIF":
        memory = heif.decoder_memory(encoded, image.mode, pixels)
    elif image.format == "GIF":  # the background that will replace the frame
        memory = _stored(size, image.mode)
    elif any(tile[0] in Image.DECODERS for tile in image.tile):  # in Python: all samples in a buffer, and copies of it
        memory = 3 * _stored(size, image.mode)
    return memory
