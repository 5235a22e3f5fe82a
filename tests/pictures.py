"""Synthetic images and image files in many formats."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from osrmac.descriptor import images

Bytes = NDArray[np.uint8]
MANY = 10**6
"""A limit of pixels that no synthetic image reaches."""


def decode(encoded: bytes, **options: Any) -> Bytes:
    image, _ = images.decode(encoded, **{"max_pixels": MANY, **options})
    assert image.mode == "RGB"
    return np.asarray(image)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(height: int, width: int, channels: int = 3) -> Bytes:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def smooth(height: int, width: int) -> Image.Image:
    """Gradients that JPEG hardly changes: red increases to the right, green downwards."""
    red, green = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([red, green, np.full_like(red, 60)], axis=-1).astype(np.uint8))


def textured(width: int = 90, height: int = 60, seed: int = 0) -> Image.Image:
    """An image with coarse and fine structure that differs between channels."""
    generator = np.random.default_rng(seed)
    coarse = Image.fromarray(generator.integers(0, 256, (4, 6, 3), dtype=np.uint8)).resize((width, height))
    fine = Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8))
    return Image.blend(coarse, fine, 0.3)


def palette(indices: Bytes) -> Image.Image:
    image = Image.fromarray(indices).convert("L")
    image.putpalette([255, 0, 0, 0, 255, 0, 10, 20, 30])
    return image


def chunk(name: bytes, content: bytes) -> bytes:
    """Encode a chunk of a PNG file."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *, extra: bytes = b"") -> bytes:
    """Encode a PNG file chunk by chunk, for formats that Pillow reads but does not write."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def handmade(image: Image.Image) -> dict[str, bytes]:
    """Encode an RGB image, of even size, in the accepted formats that Pillow reads but does not write."""
    width, height = image.size
    pcx = encoded(image, "PCX")
    letters = [bytes([65 + level // 16]) for level in image.convert("L").tobytes()]
    rows = [b'"' + b"".join(letters[row * width : (row + 1) * width]) + b'",\n' for row in range(height)]
    colors = [b'"%c c #%02x%02x%02x",\n' % (65 + level, *(level * 16,) * 3) for level in range(16)]
    return {
        "DCX": struct.pack("<III", 0x3ADE68B1, 12, 0) + pcx,
        "PCD": (bytes(2048) + b"PCD_").ljust(96 * 2048, b"\0") + bytes(768 * 512 * 3 // 2),
        "PSD": struct.pack(">4sH6xHIIHHIII", b"8BPS", 1, 3, height, width, 8, 3, 0, 0, 0)
        + bytes(2)
        + b"".join(band.tobytes() for band in image.split()),
        "SUN": struct.pack(">8I", 0x59A66A95, width, height, 24, width * height * 3, 3, 0, 0) + image.tobytes(),
        "XPM": b"/* XPM */\nstatic char *image[] = {\n"
        + b'"%d %d 16 1",\n' % image.size
        + b"".join((*colors, *rows))
        + b"};\n",
    }


def tiff(tags: list[tuple[int, int, int, int]]) -> bytes:
    """Encode a TIFF file of tags alone, given as number, type, count and value."""
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)


def with_scans(jpeg: bytes, more: int) -> bytes:
    """Repeat the last scan of a JPEG, which costs a pass over all pixels for each few bytes."""
    end = len(jpeg) - 2
    return jpeg[:end] + jpeg[jpeg.rindex(b"\xff\xda") : end] * more + jpeg[end:]


STORED: dict[int, Callable[[Bytes], Bytes]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: np.rot90,
    7: lambda upright: upright[::-1, ::-1].transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}
"""Transformations by which a camera stores an upright image, by EXIF orientation."""


def photograph(upright: Bytes, orientation: int, kind: str = "PNG") -> bytes:
    """Encode an upright image as stored with an EXIF orientation."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return encoded(Image.fromarray(np.ascontiguousarray(STORED[orientation](upright))), kind, exif=exif, quality=95)
