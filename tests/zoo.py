"""A collection of unusual and invalid image files, with the expected result of each."""

import struct
import zlib
from collections.abc import Iterator
from functools import cache

import numpy as np
from PIL import ExifTags, Image

from tests.bombs import bombs
from tests.containers import EPS, icon, iptc
from tests.heif import can_encode
from tests.pictures import chunk, encoded, noise, palette, photograph, png, smooth, tiff, with_scans

Size = tuple[int, int]

LIMIT = 50_000
"""Maximum number of pixels with which the files must be decoded."""

_WIDTH, _HEIGHT = 40, 24
_SIZE = (_WIDTH, _HEIGHT)
_FAILS = None
_PNG_HEADER = 33
"""Bytes of a PNG file up to the end of its first chunk."""


@cache
def zoo() -> dict[str, tuple[bytes, Size | None]]:
    """Return the content of each file by name, and the size of its upright image, or None if it must fail."""
    kinds = [
        _other_files(),
        _truncated(),
        _too_large(),
        _damaged(),
        _shapes(),
        _pixel_formats(),
        _containers(),
        _exif(),
        _heif() if can_encode() else iter(()),
    ]
    return {name: (content, size) for kind in kinds for name, content, size in kind}


def _other_files() -> Iterator[tuple[str, bytes, Size | None]]:
    yield "empty", b"", _FAILS
    yield "text.jpg", b"some text, and\nno image", _FAILS
    yield "page.jpg", b"<!DOCTYPE html>\n<html><body>404 not found</body></html>\n", _FAILS
    yield "drawing.eps", EPS, _FAILS
    yield "drawing in IPTC.jpg", iptc(EPS), _FAILS


def _truncated() -> Iterator[tuple[str, bytes, Size | None]]:
    photo = Image.blend(smooth(120, 160), Image.fromarray(noise(120, 160)), 0.2)
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"):
        file = encoded(photo, kind)
        yield f"complete {kind}", file, photo.size
        for tenths in range(1, 10):
            yield f"{kind} truncated to {tenths} tenths", file[: len(file) * tenths // 10], _FAILS


def _too_large() -> Iterator[tuple[str, bytes, Size | None]]:
    black = encoded(Image.new("1", (400, 300)))
    yield "header of 30000x30000", png(30_000, 30_000, depth=1, colour=0, rows=b"nothing"), _FAILS
    yield "decompression bomb", black, _FAILS
    yield "just over the limit", encoded(Image.new("1", (LIMIT + 1, 1))), _FAILS
    yield "just the limit", encoded(Image.new("1", (LIMIT, 1))), (LIMIT, 1)
    yield "bomb in an icon", icon(black), _FAILS
    text = b"Comment\0\0" + zlib.compress(bytes(2**26))
    yield "bomb in zTXt", png(1, 1, 8, 0, b"\0\0", extra=chunk(b"zTXt", text)), _FAILS
    text = b"Comment\0\1\0\0\0" + zlib.compress(bytes(2**26))
    yield "bomb in iTXt", png(1, 1, 8, 0, b"\0\0", extra=chunk(b"iTXt", text)), _FAILS
    yield "bomb of scans", with_scans(encoded(smooth(*_SIZE), "JPEG", progressive=True), 1000), _FAILS
    yield from ((name, content, _FAILS) for name, content in bombs().items())
    yield "tag counts", tiff([(256, 4, 2**32 - 1, 0), (257, 4, 2**31, 0), (273, 12, 2**30, 9)]), _FAILS
    yield "tags beyond the end", struct.pack("<2sHIH", b"II", 42, 8, 65535), _FAILS


def _damaged() -> Iterator[tuple[str, bytes, Size | None]]:
    file = encoded(smooth(_HEIGHT, _WIDTH))
    yield "header checksum", file[: _PNG_HEADER - 1] + bytes([file[_PNG_HEADER - 1] ^ 1]) + file[_PNG_HEADER:], _FAILS
    middle = len(file) // 2
    yield "damaged pixels", file[:middle] + bytes([file[middle] ^ 255]) + file[middle + 1 :], _FAILS
    yield "not a number", encoded(Image.fromarray(np.full((3, 2), np.nan, np.float32)), "TIFF"), _FAILS
    yield "trailing garbage", encoded(smooth(_HEIGHT, _WIDTH), "JPEG") + b"\xff\xd8 garbage" * 99, _SIZE


def _shapes() -> Iterator[tuple[str, bytes, Size | None]]:
    for width, height in ((1, 1), (1, 20_000), (20_000, 1), (2, 3)):
        yield f"{width}x{height}", encoded(Image.fromarray(noise(height, width))), (width, height)


def _pixel_formats() -> Iterator[tuple[str, bytes, Size | None]]:
    photo = smooth(_HEIGHT, _WIDTH)
    cmyk = encoded(photo.convert("CMYK"), "JPEG")
    marker = cmyk.index(b"\xff\xee")
    yield "Adobe's inverted CMYK", cmyk, _SIZE
    yield "plain CMYK", cmyk[:marker] + cmyk[marker + 16 :], _SIZE
    wide = Image.fromarray(np.linspace(0, 65535, _WIDTH * _HEIGHT).astype(np.uint16).reshape(_HEIGHT, _WIDTH))
    yield "16-bit PNG", encoded(wide), _SIZE
    yield "16-bit TIFF", encoded(wide, "TIFF"), _SIZE
    indices = palette(noise(_HEIGHT, _WIDTH)[..., 0] % 3)
    yield "a transparent colour", encoded(indices, transparency=1), _SIZE
    yield "transparent colours", encoded(indices, transparency=bytes([255, 0, 51])), _SIZE
    yield "LA", encoded(photo.convert("LA")), _SIZE
    yield "RGBA", encoded(Image.fromarray(noise(_HEIGHT, _WIDTH, 4))), _SIZE
    yield "RGBA WebP", encoded(Image.fromarray(noise(_HEIGHT, _WIDTH, 4)), "WEBP"), _SIZE
    yield "grey JPEG", encoded(photo.convert("L"), "JPEG"), _SIZE
    yield "1-bit PNG", encoded(photo.convert("1")), _SIZE


def _containers() -> Iterator[tuple[str, bytes, Size | None]]:
    photo, other = smooth(_HEIGHT, _WIDTH), Image.new("RGB", _SIZE, "blue")
    yield "progressive JPEG", encoded(photo, "JPEG", progressive=True), _SIZE
    yield "JPEG 2000", encoded(photo, "JPEG2000"), _SIZE
    for kind in ("GIF", "WEBP", "TIFF", "MPO"):
        yield f"{kind} of two frames", encoded(photo, kind, save_all=True, append_images=[other]), _SIZE
    yield "icon", icon(encoded(Image.new("RGBA", (16, 16)))), _FAILS


def _exif() -> Iterator[tuple[str, bytes, Size | None]]:
    upright = noise(_HEIGHT, _WIDTH)
    for orientation in range(1, 9):
        yield f"orientation {orientation}", photograph(upright, orientation), _SIZE
    for number, exif in enumerate((b"Exif\0\0no such header", b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12", b"\0")):
        yield f"corrupt EXIF {number}", encoded(Image.fromarray(upright), "JPEG", exif=exif), _SIZE


def _heif() -> Iterator[tuple[str, bytes, Size | None]]:
    photo, wide = smooth(_HEIGHT, _WIDTH), smooth(120, 200)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    yield "HEIC", encoded(photo, "HEIF"), _SIZE
    yield "RGBA HEIC", encoded(Image.fromarray(noise(_HEIGHT, _WIDTH, 4)), "HEIF"), _SIZE
    yield "16-bit HEIC", encoded(photo.convert("L").convert("I;16"), "HEIF"), _SIZE
    yield "HEIC of tiles", encoded(wide, "HEIF", tile_size=64), wide.size
    yield "turned HEIC", encoded(photo, "HEIF", exif=exif.tobytes()), (_HEIGHT, _WIDTH)
    yield "HEIC of two images", encoded(photo, "HEIF", save_all=True, append_images=[wide]), _SIZE
    for tenths in range(1, 10):
        file = encoded(wide, "HEIF")
        yield f"HEIC truncated to {tenths} tenths", file[: len(file) * tenths // 10], _FAILS
