"""HEIF files, box by box, around images that pillow-heif has encoded."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from PIL import Image

from osrmac.descriptor.decoding.formats import available_formats
from tests.pictures import encoded

__all__ = ["NO_ENCODER", "Item", "can_encode", "configuration", "grid", "heif", "ispe", "parameter_set", "stream"]


def can_encode() -> bool:
    """Whether pillow-heif is installed with an encoder of HEVC."""
    return "HEIF" in available_formats() and "HEIF" in Image.SAVE


NO_ENCODER = "pillow-heif is not installed, or has no encoder"
"""Reason to skip a test."""


@dataclass(frozen=True)
class Item:
    """An item of a file: its type, content, properties, and the references that it makes to others, counted from 1."""

    kind: bytes
    content: bytes = b""
    properties: Sequence[bytes] = ()
    references: Mapping[bytes, Sequence[int]] | None = None


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def full(name: bytes, content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(name, struct.pack(">I", version << 24 | flags) + content)


def ispe(width: int, height: int) -> bytes:
    return full(b"ispe", struct.pack(">II", width, height))


def grid(columns: int, rows: int, width: int, height: int) -> bytes:
    return struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)


def heif(items: Sequence[Item], brand: bytes = b"heic", primary: int = 1) -> bytes:
    """A file of these items, of which one is the primary image."""
    properties = [each for item in items for each in item.properties]
    associations, indices = b"", iter(range(1, len(properties) + 1))
    references = b""
    for number, item in enumerate(items, 1):
        associations += struct.pack(">HB", number, len(item.properties))
        associations += bytes(next(indices) for _ in item.properties)
        for name, targets in (item.references or {}).items():
            references += box(name, struct.pack(f">HH{len(targets)}H", number, len(targets), *targets))
    entries = b"".join(
        full(b"infe", struct.pack(">HH4s", number, 0, item.kind) + b"\0", version=2, flags=item.kind == b"hidd")
        for number, item in enumerate(items, 1)
    )
    head = box(b"ftyp", brand + bytes(4) + b"mif1heic")

    def meta(start: int) -> bytes:
        located, at = struct.pack(">HH", 0x4400, len(items)), start
        for number, item in enumerate(items, 1):
            located += struct.pack(">HHHII", number, 0, 1, at, len(item.content))
            at += len(item.content)
        parts = [
            full(b"hdlr", bytes(4) + b"pict" + bytes(13)),
            full(b"pitm", struct.pack(">H", primary)),
            full(b"iloc", located),
            full(b"iinf", struct.pack(">H", len(items)) + entries),
            *([full(b"iref", references)] if references else []),
            box(
                b"iprp",
                box(b"ipco", b"".join(properties)) + full(b"ipma", struct.pack(">I", len(items)) + associations),
            ),
        ]
        return full(b"meta", b"".join(parts))

    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + box(b"mdat", b"".join(item.content for item in items))


@cache
def _encoded(side: int) -> bytes:
    return encoded(Image.new("RGB", (side, side), (10, 200, 30)), "HEIF")


def stream(side: int = 64) -> bytes:
    """The coded picture of a green image."""
    file = _encoded(side)
    return file[file.index(b"mdat") + 4 :]


def configuration(side: int = 64, sps: bytes | None = None) -> bytes:
    """The box with the parameter sets of that picture, or with another one for its size."""
    file = _encoded(side)
    start = file.index(b"hvcC") + 4
    content = file[start : start - 8 + int.from_bytes(file[start - 8 : start - 4])]
    if sps is None:
        return box(b"hvcC", content)
    at, arrays = 23, b""
    for _ in range(content[22]):
        kind, number, length = struct.unpack_from(">BHH", content, at)
        assert number == 1
        unit = sps if kind & 63 == 33 else content[at + 5 : at + 5 + length]
        arrays += struct.pack(">BHH", kind, 1, len(unit)) + unit
        at += 5 + length
    return box(b"hvcC", content[:23] + arrays)


def parameter_set(width: int, height: int, chroma: int = 1, depth: int = 8, sub_layers: int = 0) -> bytes:
    """A sequence parameter set of HEVC, as an encoder would write it."""

    def golomb(number: int) -> str:
        return f"{number + 1:b}".rjust(2 * (number + 1).bit_length() - 1, "0")

    bits = f"{0:04b}{sub_layers:03b}1" + f"{1:08b}{0x60000000:032b}{9 << 44:048b}{93:08b}"
    if sub_layers:
        bits += "11" * sub_layers + "00" * (8 - sub_layers) + ("0" * 88 + "01011101") * sub_layers
    bits += golomb(0) + golomb(chroma) + ("0" if chroma == 3 else "") + golomb(width) + golomb(height)
    bits += "0" + golomb(depth - 8) * 2 + golomb(4) + "1" + golomb(0) * 3 * (1 if sub_layers == 0 else sub_layers + 1)
    bits += golomb(0) + golomb(3) + golomb(0) + golomb(3) + golomb(0) * 2 + "0010" + golomb(0) + "00000" + "1"
    raw = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8))
    escaped, zeros = bytearray(b"\x42\x01"), 0
    for byte in raw:
        if zeros >= 2 and byte <= 3:
            escaped.append(3)
            zeros = 0
        escaped.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(escaped)
