"""Randomly damaged image files of every accepted format, reproducible from a number."""

import struct
import zlib
from collections.abc import Callable
from functools import cache, reduce
from operator import xor
from random import Random
from typing import Literal

from PIL import Image

from tests.bombs import j2k, tiff_of_tiles, webp
from tests.containers import CONTAINERS, EPS
from tests.fuzz.headers import tamper
from tests.heif import can_encode
from tests.pictures import encoded, handmade, noise, palette, smooth

Mutation = Callable[[bytearray, Random], None]


@cache
def seeds() -> tuple[bytes, ...]:
    """Return small valid files of every accepted format."""
    Image.init()
    photo = Image.blend(smooth(24, 40), Image.fromarray(noise(24, 40)), 0.2)
    several = {"save_all": True, "append_images": [photo.rotate(180)]}
    grey, black = photo.convert("L"), photo.convert("1")
    indices = palette(noise(24, 40)[..., 0] % 3)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x011A] = 6, "maker", 72.0
    common = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "JPEG2000", "AVIF")
    others = ("DIB", "DDS", "PCX", "PPM", "QOI", "SGI", "TGA")
    return (
        *(encoded(photo, kind) for kind in (*common, *others) if kind in Image.SAVE),
        encoded(photo, "JPEG", progressive=True, exif=exif),
        encoded(photo.convert("CMYK"), "JPEG"),
        encoded(photo, "JPEG2000", no_jp2=True, tile_size=(16, 16), num_resolutions=2),
        encoded(photo, "TIFF", compression="tiff_lzw"),
        encoded(photo, "TIFF", compression="jpeg"),
        encoded(grey.convert("I;16"), "TIFF", compression="tiff_adobe_deflate", big_tiff=True),
        encoded(black, "TIFF", compression="group4"),
        tiff_of_tiles(40, 24, 16, 16),
        webp(40, 24),
        j2k(size=(40, 24), precinct=5),
        encoded(photo, "WEBP", lossless=True),
        encoded(grey.convert("I;16")),
        encoded(grey, "TGA", compression="tga_rle"),
        encoded(indices, transparency=bytes([255, 0, 51])),
        encoded(photo.convert("RGBA"), "PNG", exif=exif),
        encoded(photo.convert("RGBA"), "AVIF", subsampling="4:4:4") if "AVIF" in Image.SAVE else encoded(photo),
        *(encoded(photo, kind, **several) for kind in ("GIF", "WEBP", "TIFF", "MPO")),
        *(encoded(black, kind) for kind in ("MSP", "XBM", "PPM")),
        *handmade(photo).values(),
        *(_heics(photo, exif) if can_encode() else ()),
    )


def _heics(photo: Image.Image, exif: Image.Exif) -> tuple[bytes, ...]:
    """HEIC, turned and of two images, transparent, in other depths and samplings, and of tiles."""
    photo = photo.resize((80, 48))
    return (
        encoded(photo, "HEIF", exif=exif.tobytes(), save_all=True, append_images=[photo.rotate(180)]),
        encoded(photo.convert("RGBA"), "HEIF", subsampling="4:4:4", quality=-1),
        encoded(photo.convert("L").convert("I;16"), "HEIF"),
        encoded(photo, "HEIF", tile_size=32),
    )


def mutant(number: int) -> bytes:
    """Return one of the seeds: with extreme numbers in its header, or damaged anywhere, or inside of other files."""
    random = Random(number)
    data = bytearray(random.choice(seeds()))
    if random.random() < 0.5:
        tamper(data, random)
    if random.random() < 0.6:
        for _ in range(random.choice((1, 1, 2, 3))):
            if data:
                random.choice(_MUTATIONS)(data, random)
    if random.random() < 0.5:
        _fix_checksums(data)
    file = bytes(data)
    if random.random() < 0.1:
        file = random.choice((file, file, EPS))
        for _ in range(random.choice((1, 1, 2, 3))):
            file = random.choice(CONTAINERS)(file)
    return file


def _fix_checksums(data: bytearray) -> None:
    """Recompute the checksums of a PNG or MSP, so that its damaged parts are read."""
    start = 8
    while data.startswith(b"\x89PNG") and (end := start + 8 + int.from_bytes(data[start : start + 4])) + 4 <= len(data):
        data[end : end + 4] = zlib.crc32(data[start + 4 : end]).to_bytes(4)
        start = end + 4
    if data.startswith(b"DanM") and len(data) >= 32:
        data[24:26] = bytes(2)
        words = struct.unpack_from("<16H", data)
        data[24:26] = reduce(xor, words).to_bytes(2, "little")


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
