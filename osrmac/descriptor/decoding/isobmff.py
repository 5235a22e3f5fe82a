"""Boxes of AVIF and HEIF files, and the items that they locate: ISO/IEC 14496-12 and 23008-12."""

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["BitReader", "Box", "boxes", "children", "items"]

_CONTAINERS = (b"iprp", b"ipco", b"mdia", b"meta", b"minf", b"moov", b"stbl", b"trak")


class BitReader:
    """Reads whole numbers from bytes, bit by bit; zeros after the end."""

    def __init__(self, content: bytes | memoryview) -> None:
        self._content = content
        self._position = 0

    @property
    def is_at_end(self) -> bool:
        """Whether there is nothing more to read."""
        return self._position >= 8 * len(self._content)

    def bits(self, number: int) -> int:
        """Read an unsigned number of so many bits."""
        first, end = self._position // 8, self._position + number
        content = bytes(self._content[first : -(-end // 8)]).ljust(-(-end // 8) - first, b"\0")
        self._position = end
        return int.from_bytes(content) >> -end % 8 & (1 << number) - 1

    def exp_golomb(self) -> int:
        """Read an unsigned number in exponential Golomb code; 2^32 - 1 if it has no end."""
        zeros = next((count for count in range(32) if self.bits(1)), 32)
        return (1 << zeros) - 1 + self.bits(zeros)


class Box(NamedTuple):
    """A box: its name, and the start and end of its content in the file."""

    name: bytes
    start: int
    end: int


def children(view: memoryview, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yield each box of a part of a file, without those in containers."""
    end = len(view) if end is None else end
    while start + 8 <= end:
        size, name, content = int.from_bytes(view[start : start + 4]), bytes(view[start + 4 : start + 8]), start + 8
        if size == 1:
            size, content = int.from_bytes(view[content : content + 8]), content + 8
        stop = min(start + size, end) if size else end
        if stop < content:
            return
        yield Box(name, content, stop)
        start = stop


def boxes(view: memoryview, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yield each box of a part of a file, and those in containers."""
    for box in children(view, start, end):
        yield box
        if box.name in _CONTAINERS:
            yield from boxes(view, box.start + 4 * (box.name == b"meta"), box.end)


def items(view: memoryview, found: list[Box]) -> Iterator[tuple[int, memoryview]]:
    """Yield the id and content of each item that an `iloc` box among those found locates.

    Raises:
        ValueError: The parts of an item overlap; together they may be far larger than the file.
    """
    item_data = [box.start for box in found if box.name == b"idat"]
    for box in found:
        if box.name == b"iloc":
            yield from _located(view, BitReader(view[box.start : box.end]), item_data)


def _located(view: memoryview, reader: BitReader, item_data: list[int]) -> Iterator[tuple[int, memoryview]]:
    version = reader.bits(32) >> 24
    offset_bits, length_bits, base_bits, index_bits = (8 * reader.bits(4) for _ in range(4))
    wide = 32 if version >= 2 else 16
    for _ in range(reader.bits(wide)):
        if reader.is_at_end:
            return
        item = reader.bits(wide)
        origins = item_data if version and reader.bits(16) & 15 == 1 else [0]
        reader.bits(16)
        base = reader.bits(base_bits)
        content = []
        for _ in range(reader.bits(16)):
            reader.bits(index_bits if version else 0)
            position, length = base + reader.bits(offset_bits), reader.bits(length_bits)
            content += [view[start + position :][: length or None] for start in origins]
        if sum(map(len, content)) > len(view):
            raise ValueError("parts of an item overlap")
        yield item, content[0] if len(content) == 1 else memoryview(b"".join(content))
