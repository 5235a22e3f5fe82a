"""Memory that decoding a TIFF file takes, from its directory."""

import struct
from typing import NamedTuple

from PIL.TiffImagePlugin import TiffImageFile

__all__ = ["decoder_memory", "longest_list"]

_WIDTH, _HEIGHT, _ROWS_PER_STRIP, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 278, 322, 323
_BITS_PER_SAMPLE, _COMPRESSION, _PHOTOMETRIC, _SAMPLES_PER_PIXEL = 258, 259, 262, 277

_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 16: "Q", 17: "q"}
"""Types of whole numbers, as formats of `struct`."""
_BYTES = (1, 2, 7)
"""Types that Pillow reads as bytes: numbers, text, undefined."""

_YCBCR = 6
_BUFFERED = {32909, 34676, 34677, 34887, 50001}
"""Compressions with a buffer of their own for a whole strip or tile: PixarLog, SGILog, LERC and WebP."""


class _Entry(NamedTuple):
    """An entry of a directory: tag, type and number of its values, and the position of the first one."""

    tag: int
    kind: int
    number: int
    position: int


class _Directory:
    """The first directory of a TIFF file, as far as it can be read.

    All entries of a repeated tag are kept, because Pillow and libtiff need not use the same one.
    """

    def __init__(self, encoded: bytes) -> None:
        self._encoded = encoded
        self._order = "<" if encoded.startswith(b"I") else ">"
        self.entries: list[_Entry] = []
        is_big = encoded[2:3] == b"\x2b"
        offset = self._unpack("Q", 8) if is_big else self._unpack("I", 4)
        if offset is not None:
            # Pillow takes a big-endian BigTIFF for a classic one, but libtiff does not.
            for width in {is_big, encoded[2:4] in {b"\x2b\0", b"\0\x2b"}}:
                self._read(offset, word="Q" if width else "I", number="Q" if width else "H")

    def _unpack(self, layout: str, position: int) -> int | None:
        size = struct.calcsize(layout)
        content = self._encoded[position : position + size]
        return struct.unpack(self._order + layout, content)[0] if len(content) == size else None

    def _read(self, start: int, word: str, number: str) -> None:
        inline = struct.calcsize(word)
        header = struct.Struct(f"{self._order}HH{word}")
        at = start + struct.calcsize(number)
        for _ in range(self._unpack(number, start) or 0):
            content = self._encoded[at : at + header.size]
            if len(content) < header.size:
                break
            tag, kind, count = header.unpack(content)
            at += header.size
            fits = struct.calcsize(_INTEGERS.get(kind, "B")) * count <= inline
            position = at if fits else self._unpack(word, at)
            if position is not None:
                self.entries.append(_Entry(tag, kind, count, position))
            at += inline

    def numbers(self, tag: int) -> list[int]:
        """The first number of each entry of a tag."""
        found = (
            self._unpack(_INTEGERS[entry.kind], entry.position)
            for entry in self.entries
            if entry.tag == tag and entry.kind in _INTEGERS
        )
        return [value for value in found if value is not None and value >= 0]

    def largest(self, tag: int, default: int) -> int:
        """The largest number that an entry of a tag begins with."""
        return max(self.numbers(tag), default=default)


def longest_list(encoded: bytes) -> int:
    """Return the number of values of the largest entry, apart from those of bytes; 0 if this is no TIFF file.

    Pillow makes a Python object of each value as soon as it opens the file, and more of each strip and tile. It skips
    entries that are larger than the file.
    """
    if not encoded.startswith((b"II", b"MM")):
        return 0
    numbers = (entry.number for entry in _Directory(encoded).entries if entry.kind not in _BYTES)
    return max((number for number in numbers if 2 * number <= len(encoded)), default=0)


def decoder_memory(image: TiffImageFile, encoded: bytes) -> int:
    """Estimate the memory of the decoder, apart from the decoded image, in bytes: one strip or tile.

    Args:
        image: The opened image, whose pixel format Pillow knows.
        encoded: Content of the file.
    """
    directory = _Directory(encoded)
    width, height = directory.largest(_WIDTH, 0), directory.largest(_HEIGHT, 0)
    rows = min(directory.largest(_ROWS_PER_STRIP, height), height)
    tile_width, tile_height = directory.largest(_TILE_WIDTH, 0), directory.largest(_TILE_HEIGHT, 0)
    bits = image.tag_v2.get(_BITS_PER_SAMPLE, (1,))
    samples = max(len(bits), image.tag_v2.get(_SAMPLES_PER_PIXEL, 1))
    segment = max(width * rows, tile_width * tile_height) * samples * max(bits) // 8
    if image.info.get("compression") == "raw":
        return min(segment, len(encoded))
    if _YCBCR in directory.numbers(_PHOTOMETRIC) and image.info.get("compression") != "jpeg":
        segment += 4 * width * min(max(rows, tile_height), height)  # libtiff converts these to RGBA
    return segment * (3 if _BUFFERED.intersection(directory.numbers(_COMPRESSION)) else 1)
