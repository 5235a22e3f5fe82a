"""Damaged image files without end: the same number gives the same bytes."""

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
    """Small valid files of the formats that photographs come in."""
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
    """One of the seeds, damaged one to three times."""
    random = Random(number)
    data = bytearray(random.choice(seeds()))
    for _ in range(random.choice((1, 1, 2, 3))):
        if data:
            random.choice(_MUTATIONS)(data, random)
    if random.random() < 0.5:
        _mend_checksums(data)
    return bytes(data)


def _mend_checksums(png: bytearray) -> None:
    """Make the damaged chunks of a PNG pass for whole, so that what reads them is reached."""
    start = 8
    while png.startswith(b"\x89PNG") and (end := start + 8 + int.from_bytes(png[start : start + 4])) + 4 <= len(png):
        png[end : end + 4] = zlib.crc32(png[start + 4 : end]).to_bytes(4)
        start = end + 4


def _position(data: bytearray, random: Random) -> int:
    """Anywhere, but more often in the header, where it tells most."""
    return random.randrange(min(len(data), random.choice((64, len(data), len(data), len(data)))))


def _run(data: bytearray, random: Random) -> slice:
    start = _position(data, random)
    return slice(start, start + random.randint(1, 2 ** random.randint(0, 8)))


def _flip_bits(data: bytearray, random: Random) -> None:
    for _ in range(random.randint(1, 8)):
        data[_position(data, random)] ^= 1 << random.randrange(8)


def _overwrite(data: bytearray, random: Random) -> None:
    where = _run(data, random)
    length = len(data[where])
    data[where] = random.choice((bytes(length), b"\xff" * length, random.randbytes(length)))


def _delete(data: bytearray, random: Random) -> None:
    del data[_run(data, random)]


def _duplicate(data: bytearray, random: Random) -> None:
    where = _run(data, random)
    data[where] = data[where] * random.randint(2, 50)


def _truncate(data: bytearray, random: Random) -> None:
    del data[_position(data, random) :]


def _splice(data: bytearray, random: Random) -> None:
    other = random.choice(seeds())
    data[_position(data, random) :] = other[random.randrange(len(other)) :]


def _tamper_number(data: bytearray, random: Random) -> None:
    """Overwrite what may be a length, a count, an offset or a size."""
    width = random.choice((1, 2, 4, 8))
    order: Literal["big", "little"] = random.choice(("big", "little"))
    most = 256**width - 1
    value = random.choice((0, 1, most // 2, most // 2 + 1, most - 1, most, random.randint(0, most), len(data) % most))
    where = _position(data, random)
    data[where : where + width] = value.to_bytes(width, order)


_MUTATIONS: tuple[Mutation, ...] = (_flip_bits, _overwrite, _delete, _duplicate, _truncate, _splice, _tamper_number)
