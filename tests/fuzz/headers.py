"""Where the headers of image files have sizes, depths and counts, and extreme values for them."""

import re
import struct
from collections.abc import Callable, Iterator
from random import Random
from typing import Literal, NamedTuple

__all__ = ["Field", "fields", "tamper"]

Order = Literal["big", "little"]

_SIZES = (0, 1, 2, 3, 7, 255, 256, 4097, 13_000, 16_383, 26_624, 65_535, 65_536, 100_000, 13_377, 178_956_970)
_LIMITS = tuple(2**bits + step for bits in (7, 8, 15, 16, 24, 31, 32) for step in (-1, 0))
_DEPTHS = (0, 1, 2, 3, 4, 5, 8, 12, 15, 16, 17, 24, 31, 32, 38, 64)


class Field(NamedTuple):
    """A number in a header: its position and length in bytes, and the order of these."""

    position: int
    length: int
    order: Order


def tamper(data: bytearray, random: Random) -> None:
    """Set one to four numbers of the header of an image file to extreme values."""
    if data.startswith((b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"#define", b"/*")):
        _tamper_text(data, random)
        return
    known = list(fields(bytes(data)))
    for _ in range(random.choice((1, 1, 2, 2, 3, 4))):
        if known:
            field = random.choice(known)
            value = _value(random) % 256**field.length
            data[field.position : field.position + field.length] = value.to_bytes(field.length, field.order)


def _value(random: Random) -> int:
    return random.choice((*_SIZES, *_SIZES, *_LIMITS, *_DEPTHS, *_DEPTHS, random.randrange(20_000)))


def _tamper_text(data: bytearray, random: Random) -> None:
    numbers = list(re.finditer(rb"\d+", data[:400]))[:12]
    if numbers:
        chosen = random.choice(numbers)
        data[chosen.start() : chosen.end()] = b"%d" % _value(random)


def fields(data: bytes) -> Iterator[Field]:
    """Yield the numbers in the header of a valid image file."""
    for signature, find in _FORMATS:
        if re.match(signature, data, re.DOTALL):
            yield from (field for field in find(data) if field.position + field.length <= len(data))
            return


def _at(order: Order, *places: tuple[int, int]) -> Callable[[bytes], Iterator[Field]]:
    """A finder of fields at fixed positions, given with their lengths."""
    return lambda _: (Field(position, length, order) for position, length in places)


def _after(data: bytes, marker: bytes, order: Order, *places: tuple[int, int]) -> Iterator[Field]:
    """Yield fields at positions relative to each place where a marker is found."""
    for match in re.finditer(marker, data, re.DOTALL):
        yield from (Field(match.start() + position, length, order) for position, length in places)


def _gif(data: bytes) -> Iterator[Field]:
    yield from _at("little", (6, 2), (8, 2), (10, 1), (11, 1))(data)
    yield from _after(data, rb",\0\0\0\0", "little", (1, 2), (3, 2), (5, 2), (7, 2), (9, 1), (10, 1))


def _jpeg(data: bytes) -> Iterator[Field]:
    frame = ((4, 1), (5, 2), (7, 2), (9, 1), (11, 1), (14, 1), (17, 1))
    yield from _after(data, b"\xff[\xc0\xc2]\0", "big", *frame)
    yield from _after(data, b"\xff\xda\0", "big", (4, 1))


def _jpeg2000(data: bytes) -> Iterator[Field]:
    size = (*((position, 4) for position in range(6, 38, 4)), (38, 2), (40, 1), (41, 1), (42, 1))
    yield from _after(data, b"\xff\x51\0", "big", *size)
    yield from _after(data, b"\xff\x52\0", "big", (4, 1), (6, 2), *((position, 1) for position in range(8, 16)))
    yield from _after(data, b"ihdr", "big", (4, 4), (8, 4), (12, 2), (14, 1))


def _tiff(data: bytes) -> Iterator[Field]:
    order: Order = "little" if data.startswith(b"I") else "big"
    start = int.from_bytes(data[4:8], order)
    for number in range(int.from_bytes(data[start : start + 2], order)):
        entry = start + 2 + 12 * number
        yield from (Field(entry + 2, 2, order), Field(entry + 4, 4, order))
        kind, count = struct.unpack_from("<HI" if order == "little" else ">HI", data, entry + 2)
        yield from [Field(entry + 8, 2 if kind == 3 and count == 1 else 4, order)] * 3


def _webp(data: bytes) -> Iterator[Field]:
    places = {b"VP8 ": ((26, 2), (28, 2)), b"VP8L": ((21, 4),), b"VP8X": ((20, 1), (24, 3), (27, 3))}
    yield from _at("little", *places.get(data[12:16], ()))(data)


def _heif(data: bytes) -> Iterator[Field]:
    """AVIF and HEIC."""
    yield from _after(data, b"ispe", "big", (8, 4), (12, 4))
    yield from _after(data, b"av1C", "big", (5, 1), (6, 1))
    yield from _after(data, b"hvcC", "big", *((position, 1) for position in range(4, 80)))
    yield from _after(data, b"dimg", "big", (4, 2), (6, 2), (8, 2))
    yield from _after(data, b"idat", "big", (6, 1), (7, 1), (8, 2), (10, 2))
    yield from _after(data, b"iloc", "big", *((position, 2) for position in range(8, 40, 2)))
    yield from _after(data, b"mdat", "big", *((position, 1) for position in range(4, 20)))


def _dcx(data: bytes) -> Iterator[Field]:
    yield from _at("little", (4, 4), (8, 4))(data)
    start = int.from_bytes(data[4:8], "little")
    yield from (field._replace(position=field.position + start) for field in _PCX(data))


_PCX = _at("little", (1, 1), (2, 1), (3, 1), (4, 2), (6, 2), (8, 2), (10, 2), (65, 1), (66, 2))

_FORMATS: tuple[tuple[bytes, Callable[[bytes], Iterator[Field]]], ...] = (
    (b"BM", _at("little", (10, 4), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2), (30, 4), (46, 4))),
    (rb"\(\0\0\0", _at("little", (0, 4), (4, 4), (8, 4), (12, 2), (14, 2), (16, 4), (32, 4))),
    (b"DDS ", _at("little", (8, 4), (12, 4), (16, 4), (20, 4), (24, 4), (80, 4), (88, 4), (92, 4), (96, 4))),
    (b"GIF8", _gif),
    (b"\xff\xd8", _jpeg),
    (b"\0\0\0\x0cjP|\xff\x4f\xff\x51", _jpeg2000),
    (b"\x89PNG", _at("big", (16, 4), (20, 4), (24, 1), (25, 1), (26, 1), (27, 1), (28, 1))),
    (b"8BPS", _at("big", (12, 2), (14, 4), (18, 4), (22, 2), (24, 2), (26, 4))),
    (b"qoif", _at("big", (4, 4), (8, 4), (12, 1))),
    (b"\x01\xda", _at("big", (2, 1), (3, 1), (4, 2), (6, 2), (8, 2), (10, 2))),
    (b"\x59\xa6\x6a\x95", _at("big", *((position, 4) for position in range(4, 32, 4)))),
    (b"II|MM", _tiff),
    (b"RIFF....WEBP", _webp),
    (b"....ftyp", _heif),
    (b"DanM|LinS", _at("little", (4, 2), (6, 2))),
    (b"\xb1\x68\xde\x3a", _dcx),
    (b"\x0a\x05", _PCX),
    (b"\0{2048}PCD_", _at("little", (2048 + 1538, 1))),
    (b"\0[\0\1]", _at("little", (0, 1), (1, 1), (2, 1), (3, 2), (5, 2), (7, 1), (12, 2), (14, 2), (16, 1), (17, 1))),
)
