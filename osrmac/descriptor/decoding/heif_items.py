"""Images in a HEIF file, and how they are made of each other: ISO/IEC 23008-12.

A file may contradict itself. Then all that it says counts, because libheif may take either for true.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain, islice
from typing import TypeVar

from osrmac.descriptor.decoding import hevc
from osrmac.descriptor.decoding.isobmff import BitReader, Box, boxes, children, items

__all__ = ["HeifItems"]

_TILE, _AUXILIARY = b"dimg", b"auxl"
"""References: from a grid to its tiles, and from transparency or a depth map to an image."""
_TRANSPARENCY = (b"hevc:2015:auxid:1", b"auxiliary:alpha")
"""How the types of transparency end."""

_MAX_UNITS = 100_000
_MAX_ENTRIES = 200_000

_T = TypeVar("_T")


class HeifItems:
    """Items of a file.

    Attributes:
        types: Four characters for each item; more than one if the file contradicts itself.
        tiles: For each grid its tiles, in order, each as often as it is used.

    Raises:
        ValueError: The header is too long to read, or parts of an item overlap.
    """

    def __init__(self, encoded: bytes) -> None:
        view = memoryview(encoded)
        found = list(boxes(view))
        self.types: dict[int, set[bytes]] = defaultdict(set)
        self.tiles: dict[int, list[int]] = defaultdict(list)
        self._primary = {_number(view, box, at=4) for box in found if box.name == b"pitm"}
        self._properties: dict[int, list[tuple[bytes, memoryview]]] = defaultdict(list)
        self._auxiliary: dict[int, set[int]] = defaultdict(set)
        self._contents: dict[int, list[memoryview]] = defaultdict(list)
        for item, content in _bounded(items(view, found)):
            self._contents[item].append(content)
        for item, kind in _bounded(_types(view, found)):
            self.types[item].add(kind)
        for name, source, target in _bounded(_references(view, found)):
            if name == _TILE:
                self.tiles[source].append(target)
            elif name == _AUXILIARY:
                self._auxiliary[target].add(source)
        lists = [list(children(view, box.start, box.end)) for box in found if box.name == b"ipco"]
        for item, index in _bounded(_associations(view, found)):
            for listed in lists:
                if 0 < index <= len(listed):
                    name, start, end = listed[index - 1]
                    self._properties[item].append((name, view[start:end]))

    def decoded(self) -> set[int]:
        """Return the primary image, its tiles, and the transparency of both."""
        seen: set[int] = set()
        waiting = set(self._primary)
        while waiting:
            seen |= waiting
            masks = (mask for item in waiting for mask in self._auxiliary[item] if self._is_transparency(mask))
            waiting = set(chain(masks, *(self.tiles[item] for item in waiting))) - seen
        return seen

    def _is_transparency(self, item: int) -> bool:
        kinds = (bytes(content[4:]).rstrip(b"\0") for name, content in self._properties[item] if name == b"auxC")
        return any(kind.split(b"\0")[0].endswith(_TRANSPARENCY) for kind in kinds)

    def picture_sizes(self, chosen: set[int]) -> dict[int, hevc.PictureSize]:
        """Return the largest size of each of the chosen images that is coded by HEVC and states a size."""
        sizes: dict[int, hevc.PictureSize] = {}
        units = ((item, unit) for item in chosen for unit in self._units(item))
        for item, unit in _bounded(units, _MAX_UNITS):
            if (size := hevc.picture_size(unit)) is not None:
                known = sizes.get(item, size)
                sizes[item] = hevc.PictureSize(max(known.pixels, size.pixels), max(known.planes, size.planes))
        return sizes

    def _units(self, item: int) -> Iterator[memoryview]:
        for name, content in self._properties[item]:
            if name == b"hvcC":
                yield from hevc.configured_units(content)
        for content in self._contents[item]:
            yield from hevc.units(content)


def _bounded(values: Iterator[_T], limit: int | None = None) -> Iterator[_T]:
    limit = _MAX_ENTRIES if limit is None else limit
    yield from islice(values, limit)
    if next(values, None) is not None:
        raise ValueError(f"more than {limit} entries in the header")


def _number(view: memoryview, box: Box, at: int) -> int:
    """Return the number in a box that has 16 bits in version 0, and 32 in later ones."""
    return BitReader(view[box.start + at : box.end]).bits(_width(view, box))


def _width(view: memoryview, box: Box) -> int:
    return 32 if box.start < box.end and view[box.start] else 16


def _types(view: memoryview, found: list[Box]) -> Iterator[tuple[int, bytes]]:
    for box in found:
        if box.name == b"iinf":
            for _, start, end in children(view, box.start + 4 + _width(view, box) // 8, box.end):
                reader = BitReader(view[start:end])
                version = reader.bits(32) >> 24
                item = reader.bits(32 if version >= 3 else 16)
                reader.bits(16)
                yield item, reader.bits(32).to_bytes(4) if version >= 2 else b""


def _references(view: memoryview, found: list[Box]) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name, source and target of each reference."""
    for box in found:
        if box.name == b"iref":
            width = _width(view, box)
            for name, start, end in children(view, box.start + 4, box.end):
                reader = BitReader(view[start:end])
                source = reader.bits(width)
                for _ in range(reader.bits(16)):
                    if reader.is_at_end:
                        break
                    yield name, source, reader.bits(width)


def _associations(view: memoryview, found: list[Box]) -> Iterator[tuple[int, int]]:
    """Yield each item with the number of each of its properties, from 1."""
    for box in found:
        if box.name == b"ipma":
            width, reader = _width(view, box), BitReader(view[box.start : box.end])
            index_bits = 15 if reader.bits(32) & 1 else 7
            for _ in range(reader.bits(32)):
                if reader.is_at_end:
                    break
                item = reader.bits(width)
                for _ in range(reader.bits(8)):
                    reader.bits(1)
                    yield item, reader.bits(index_bits)
