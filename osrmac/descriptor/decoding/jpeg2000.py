"""Memory that OpenJPEG takes to decode a JPEG 2000 file, from the marker segments of its codestream.

A file of a few hundred bytes can declare a huge tile, thousands of tiles, or code-blocks and precincts of a few pixels,
each of which costs hundreds of bytes. The markers are those of ISO/IEC 15444-1, annex A.
"""

import re
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

__all__ = ["decoder_memory"]

# Measured with OpenJPEG 2.5, rounded up.
_COEFFICIENT = 4
_PRECINCT = 250
_CODE_BLOCK = 400
_TILE, _TILE_COMPONENT = 8000, 1500

_SIZ, _COD, _COC = (re.compile(b"\xff" + code) for code in (b"\x51", b"\x52", b"\x53"))
_MAX_LEVELS = 32
_WHOLE_TILE = 15
"""Exponent of the precinct size if none is given."""


class _Size(NamedTuple):
    """Tiles of an image.

    Attributes:
        width: Width of the largest tile in pixels, or of the image where that is smaller.
        height: Height of the largest tile in pixels, or of the image where that is smaller.
        tiles: Number of tiles.
        sample_bytes: Bytes per sample of each component.
    """

    width: int
    height: int
    tiles: int
    sample_bytes: tuple[int, ...]


class _Coding(NamedTuple):
    """Partition of a tile; sizes are exponents of two.

    Attributes:
        levels: Number of wavelet decompositions.
        code_block: Width and height of a code-block.
        precincts: Width and height of the precincts of each resolution, the smallest resolution first.
    """

    levels: int
    code_block: tuple[int, int]
    precincts: tuple[tuple[int, int], ...]


def decoder_memory(encoded: bytes, *, halved: bool = False) -> int:
    """Estimate the memory of the decoder, apart from the decoded image, in bytes.

    The file is searched for marker segments rather than parsed, so that no order of boxes hides one; compressed pixels
    hardly ever look like one. Of several, those that cost most count.

    Args:
        encoded: Content of the file.
        halved: Whether to decode at half the width and height, if the file has several resolutions.
    """
    codings = set(_codings(encoded))
    shift = 2 if halved and all(coding.levels for coding in codings) else 0
    return len(encoded) + max((_memory(size, codings, shift) for size in set(_sizes(encoded))), default=0)


def _memory(size: _Size, codings: Iterable[_Coding], shift: int) -> int:
    components = len(size.sample_bytes)
    samples = size.width * size.height * (components * _COEFFICIENT + sum(size.sample_bytes)) >> shift
    partition = components * max((_partition_memory(size, coding) for coding in codings), default=0)
    return samples + partition + size.tiles * (_TILE + components * _TILE_COMPONENT)


def _partition_memory(size: _Size, coding: _Coding) -> int:
    """Bytes of the precincts and code-blocks of one component of a tile."""
    total = 0
    for resolution, precinct in enumerate(coding.precincts):
        scale = coding.levels - resolution
        bands, halving = (3, 1) if resolution else (1, 0)  # three bands of half the width and height, or all of it
        precincts = blocks = bands
        for side, exponent, block_exponent in zip(size[:2], precinct, coding.code_block, strict=True):
            length, shift = _ceil_shift(side, scale + halving), max(exponent - halving, 0)
            precincts *= _ceil_shift(length, shift) + 1
            blocks *= _ceil_shift(length, min(shift, block_exponent)) + 1
        total += precincts * _PRECINCT + blocks * _CODE_BLOCK
    return total


def _ceil_shift(number: int, bits: int) -> int:
    return -(-number >> bits)


def _segments(encoded: bytes, marker: re.Pattern[bytes]) -> Iterator[bytes]:
    """Yield what could be segments of a marker: the bytes after their length."""
    for match in marker.finditer(encoded):
        length = int.from_bytes(encoded[match.end() : match.end() + 2])
        segment = encoded[match.end() + 2 : match.end() + length]
        if len(segment) == length - 2:
            yield segment


def _sizes(encoded: bytes) -> Iterator[_Size]:
    for segment in _segments(encoded, _SIZ):
        if len(segment) < 39 or len(segment) % 3:
            continue
        _, right, bottom, left, top, tile_width, tile_height, tile_left, tile_top, components = struct.unpack_from(
            ">HIIIIIIIIH", segment
        )
        per_component = segment[36:]
        is_valid = (
            len(per_component) == 3 * components
            and left < right
            and top < bottom
            and tile_left <= left < tile_left + tile_width
            and tile_top <= top < tile_top + tile_height
            and all(depth & 127 <= 37 for depth in per_component[::3])
        )
        if is_valid:
            columns, rows = -(-(right - tile_left) // tile_width), -(-(bottom - tile_top) // tile_height)
            sample_bytes = tuple((1, 2, 4, 4)[min((depth & 127) // 8, 3)] for depth in per_component[::3])
            yield _Size(min(tile_width, right - left), min(tile_height, bottom - top), columns * rows, sample_bytes)


def _codings(encoded: bytes) -> Iterator[_Coding]:
    for segment in _segments(encoded, _COD):
        if len(segment) >= 10 and segment[0] < 8 and segment[1] <= 4 and segment[4] <= 1:
            yield from _coding(segment[5:], has_precincts=bool(segment[0] & 1))
    for segment in _segments(encoded, _COC):
        for at in (1, 2):  # the index of the component has one byte, or two where there are more than 256
            if len(segment) > at and segment[at] <= 1:
                yield from _coding(segment[at + 1 :], has_precincts=bool(segment[at]))


def _coding(parameters: bytes, *, has_precincts: bool) -> Iterator[_Coding]:
    """Parse the parameters that COD and COC have in common, if they are valid."""
    if len(parameters) < 5:
        return
    levels, width, height, _, wavelet = parameters[:5]
    if levels > _MAX_LEVELS or width > 8 or height > 8 or width + height > 8 or wavelet > 1:
        return
    if len(parameters) == 5 + has_precincts * (levels + 1):
        sizes = tuple((size & 15, size >> 4) for size in parameters[5:]) or ((_WHOLE_TILE,) * 2,) * (levels + 1)
        yield _Coding(levels, (width + 2, height + 2), sizes)
