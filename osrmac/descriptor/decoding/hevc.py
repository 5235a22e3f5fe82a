"""Sequence parameter sets of HEVC, which state the size that the decoder goes by: ITU-T H.265, section 7.3.2."""

from collections.abc import Iterator
from typing import NamedTuple

from osrmac.descriptor.decoding.isobmff import BitReader

__all__ = ["PictureSize", "configured_units", "picture_size", "units"]

_SPS = 33
"""Type of a unit that is a sequence parameter set."""
_SAMPLES = (1.0, 1.5, 2.0, 3.0)
"""Samples per pixel, by chroma format: grey, 4:2:0, 4:2:2, 4:4:4."""
_ARRAYS = 22
"""Position of the number of arrays in a configuration."""
_BLOCK = 64
"""Sizes are rounded up to a multiple of the largest coding block, in pixels."""


class PictureSize(NamedTuple):
    """Size of a coded picture.

    Attributes:
        pixels: Number of pixels, with those that pad the picture to whole blocks.
        planes: Bytes of the decoded planes.
    """

    pixels: int
    planes: int


def configured_units(configuration: memoryview) -> Iterator[memoryview]:
    """Yield the units in a decoder configuration, the content of an `hvcC` box."""
    arrays, at = int.from_bytes(configuration[_ARRAYS : _ARRAYS + 1]), _ARRAYS + 1
    for _ in range(arrays):
        number = int.from_bytes(configuration[at + 1 : at + 3])
        at += 3
        for _ in range(number):
            end = at + 2 + int.from_bytes(configuration[at : at + 2])
            if end > len(configuration):
                return
            yield configuration[at + 2 : end]
            at = end


def units(stream: memoryview) -> Iterator[memoryview]:
    """Yield the units (NAL) of a stream, each of which follows its length."""
    at = 0
    while at + 4 < len(stream):
        end = at + 4 + int.from_bytes(stream[at : at + 4])
        yield stream[at + 4 : end]
        at = end


def picture_size(unit: memoryview) -> PictureSize | None:
    """Return the size of the pictures after a sequence parameter set; None if the unit is none, or states no size."""
    if len(unit) < 3 or unit[0] >> 1 & 63 != _SPS:
        return None
    reader = BitReader(bytes(unit[2:]).replace(b"\0\0\3", b"\0\0"))
    reader.bits(4)
    _skip_profile(reader, reader.bits(4) >> 1)
    reader.exp_golomb()
    chroma = reader.exp_golomb()
    if chroma == 3:
        reader.bits(1)
    width, height = reader.exp_golomb(), reader.exp_golomb()
    if reader.bits(1):  # a window that is shown
        for _ in range(4):
            reader.exp_golomb()
    depth = 8 + max(reader.exp_golomb(), reader.exp_golomb())
    pixels = _aligned(width) * _aligned(height)
    if not pixels:
        return None
    return PictureSize(pixels, int(pixels * _SAMPLES[min(chroma, 3)] * (1 if depth == 8 else 2)))


def _skip_profile(reader: BitReader, sub_layers: int) -> None:
    reader.bits(96)
    present = [(reader.bits(1), reader.bits(1)) for _ in range(sub_layers)]
    if sub_layers:
        reader.bits(2 * (8 - sub_layers))
    for has_profile, has_level in present:
        reader.bits(88 * has_profile + 8 * has_level)


def _aligned(length: int) -> int:
    return -(-length // _BLOCK) * _BLOCK
