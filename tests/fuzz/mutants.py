"""Randomly damaged image files, reproducible from a number."""

import zlib
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Literal

from PIL import Image

from tests.pictures import encoded, noise, palette, smooth

Mutation = Callable[[bytearray, Random], None]


@cache
def seeds() -> tuple[bytes, ...]:
    """Return small valid files of common image formats."""
    photo = Image.blend(smooth(24, 40), Image.fromarray(noise(24, 40)), 0.2)
    several = {"save_all": True, "append_images": [photo.rotate(180)]}
    indices = palette(noise(24, 40)[..., 0] % 3)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x011A] = 6, "maker", 72.0
    kinds = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "JPEG2000", "AVIF")
    return (
        *(encoded(photo, kind) for kind in kinds if kind in Image.SAVE),
        encoded(photo, "JPEG", progressive=True, exif=exif),
        encoded(photo.convert("CMYK"), "JPEG"),
        encoded(photo, "TIFF", compression="tiff_lzw"),
        encoded(photo, "TIFF", compression="jpeg"),
        encoded(photo, "WEBP", lossless=True),
        encoded(photo.convert("L").convert("I;16")),
        encoded(indices, transparency=bytes([255, 0, 51])),
        encoded(photo.convert("RGBA"), "PNG", exif=exif),
        *(encoded(photo, kind, **several) for kind in ("GIF", "WEBP", "TIFF", "MPO")),
        encoded(photo.resize((16, 16)), "ICO"),
    )


def mutant(number: int) -> bytes:
    """Return one of the seeds, damaged one to three times."""
    random = Random(number)
    data = bytearray(random.choice(seeds()))
    for _ in range(random.choice((1, 1, 2, 3))):
        if data:
            random.choice(_MUTATIONS)(data, random)
    if random.random() < 0.5:
        _fix_checksums(data)
    return bytes(data)


def _fix_checksums(png: bytearray) -> None:
    """Recompute the checksums of a PNG, so that its damaged chunks are parsed."""
    start = 8
    while png.startswith(b"\x89PNG") and (end := start + 8 + int.from_bytes(png[start : start + 4])) + 4 <= len(png):
        png[end : end + 4] = zlib.crc32(png[start + 4 : end]).to_bytes(4)
        start = end + 4


def _position(data: bytearray, random: Random) -> int:
    """Choose a position, more often in the header, where damage has more effect."""
    return random.randrange(min(len(data), random.choice((64, len(data), len(data), len(data)))))


def _range(data: bytearray, random: Random) -> slice:
    start = _position(data, random)
    return slice(start, start + random.randint(1, 2 ** random.randint(0, 8)))


def _flip_bits(data: bytearray, random: Random) -> None:
    for _ in range(random.randint(1, 8)):
        data[_position(data, random)] ^= 1 << random.randrange(8)


def _overwrite(data: bytearray, random: Random) -> None:
    span = _range(data, random)
    length = len(data[span])
    data[span] = random.choice((bytes(length), b"\xff" * length, random.randbytes(length)))


def _delete(data: bytearray, random: Random) -> None:
    del data[_range(data, random)]


def _duplicate(data: bytearray, random: Random) -> None:
    span = _range(data, random)
    data[span] = data[span] * random.randint(2, 50)


def _truncate(data: bytearray, random: Random) -> None:
    del data[_position(data, random) :]


def _splice(data: bytearray, random: Random) -> None:
    other = random.choice(seeds())
    data[_position(data, random) :] = other[random.randrange(len(other)) :]


def _tamper_number(data: bytearray, random: Random) -> None:
    """Overwrite bytes with a number that is extreme as a length, count, offset or size."""
    width = random.choice((1, 2, 4, 8))
    order: Literal["big", "little"] = random.choice(("big", "little"))
    highest = 256**width - 1
    extremes = (0, 1, highest // 2, highest // 2 + 1, highest - 1, highest)
    value = random.choice((*extremes, random.randint(0, highest), len(data) % highest))
    start = _position(data, random)
    data[start : start + width] = value.to_bytes(width, order)


_MUTATIONS: tuple[Mutation, ...] = (_flip_bits, _overwrite, _delete, _duplicate, _truncate, _splice, _tamper_number)
