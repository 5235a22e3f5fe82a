"""HEIF files of HEVC images, as phones write them: the plugin for Pillow, and what a file takes to decode.

The plugin is an extra, pillow-heif. It decodes an image and its transparency, or assembles it from a grid of tiles.
"""

from contextlib import suppress

from osrmac.descriptor.decoding.heif_items import HeifItems

__all__ = ["MISSING", "coded_pixels", "decoder_memory", "is_heif", "register"]

MISSING = "HEIC needs pillow-heif where it is decoded: pip install 'osrmac[heif]'"
"""Reason of a failure."""

_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_CODED, _GRID = b"hvc1", b"grid"

_COPIES = 2
"""The planes are copied to filter them, to assemble them from tiles, or to convert them to 8 bits."""
_METADATA = 2
"""Bytes per pixel of a picture for its coding blocks, motion and transforms in libde265."""


def register() -> None:
    """Register pillow-heif with Pillow if it is installed, for HEIF only: Pillow has AVIF of its own.

    The size limits of libheif stay in force. Tiles are decoded one after another, because workers decode several images
    at a time.
    """
    with suppress(ImportError):
        from pillow_heif import register_heif_opener  # noqa: PLC0415  # an extra

        register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=0)


def is_heif(encoded: bytes) -> bool:
    """Return whether this is a file of HEVC images by one of its brands."""
    if encoded[4:8] != b"ftyp":
        return False
    brands = encoded[8 : min(int.from_bytes(encoded[:4]), 256)]
    return any(brands[at : at + 4] in _BRANDS for at in range(0, len(brands), 4))


def coded_pixels(encoded: bytes) -> int | None:
    """Return the number of pixels that are decoded, margins, transparency and repeated tiles included.

    Returns:
        None if the image is neither of HEVC nor a grid of such images, or if the header does not tell.

    Raises:
        ValueError: The header cannot be read.
    """
    found = HeifItems(encoded)
    decoded = found.decoded()
    sizes = found.picture_sizes(decoded)
    tiles = [tile for item in decoded for tile in found.tiles[item]]
    is_known = (
        all(found.types[item] == {_CODED} and item in sizes for item in tiles)
        and all(found.types[item] == {_GRID} or (found.types[item] == {_CODED} and item in sizes) for item in decoded)
        and sizes
    )
    return sum(sizes[item].pixels for item in [*tiles, *(sizes.keys() - set(tiles))]) if is_known else None


def decoder_memory(encoded: bytes, mode: str, pixels: int) -> int | None:
    """Estimate the memory of the decoder, apart from the image in Pillow, in bytes.

    Args:
        encoded: Content of the file.
        mode: Mode of the image in Pillow.
        pixels: Number of pixels that the container states; the decoder goes by the stream.

    Returns:
        None if the header does not tell.

    Raises:
        ValueError: The header cannot be read.
    """
    found = HeifItems(encoded)
    sizes = found.picture_sizes(found.decoded()).values()
    if not sizes:
        return None
    largest = max(pixels, *(size.pixels for size in sizes))
    planes = max(size.planes / size.pixels for size in sizes)
    transparency = 1 if "A" in mode else 0
    decoding = (_COPIES * (planes + transparency) + _METADATA) * largest
    return len(encoded) + max(int(decoding), len(mode) * pixels)
