"""Memory that decoding the pixels of an AVIF file takes, from the sequence headers of its AV1 streams.

The container states a size, too, but the AV1 decoder goes by the stream. The headers are those of section 5 of the AV1
bitstream specification.
"""

from collections.abc import Iterator
from itertools import islice

from osrmac.descriptor.decoding.isobmff import BitReader, boxes, items

__all__ = ["decoder_memory"]

_PLANES = (3.0, 6.0, 6.0, 6.0)
"""Bytes per pixel of decoded planes, by profile: at most 4:2:0 with 10 bits, 4:4:4 with 10 and with 12 bits."""
_COPIES = 2
"""The planes are copied to add film grain or to assemble an image from tiles."""
_ALIGNMENT = 128
"""Decoded planes are padded to a multiple of this many pixels."""

_SEQUENCE_HEADER = 1
_MAX_UNITS = 100_000
_MAX_ITEMS = 10_000


def decoder_memory(encoded: bytes) -> int | None:
    """Estimate the memory of the decoded planes, alpha and tiles included, in bytes.

    Returns:
        None if there is no sequence header where the container says, or if looking for it takes too long.
    """
    view = memoryview(encoded)
    streams = list(islice(_streams(view), _MAX_ITEMS))
    units = list(
        islice(((number, unit) for number, stream in enumerate(streams) for unit in _units(stream)), _MAX_UNITS)
    )
    if len(streams) == _MAX_ITEMS or len(units) == _MAX_UNITS:
        return None
    largest: dict[int, int] = {}
    for number, (kind, content) in units:
        if kind == _SEQUENCE_HEADER:
            largest[number] = max(largest.get(number, 0), _planes(BitReader(content)))
    return _COPIES * sum(largest.values()) or None


def _streams(view: memoryview) -> Iterator[memoryview]:
    """Yield the content of each item, and of each track from its first sample on."""
    found = list(boxes(view))
    yield from (content for _, content in items(view, found))
    for name, start, end in found:
        if name in {b"stco", b"co64"}:
            reader = BitReader(view[start:end])
            reader.bits(64)
            yield view[reader.bits(32 if name == b"stco" else 64) :]


def _units(stream: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield the type and content of each unit (OBU) of an AV1 stream."""
    at = 0
    while at < len(stream) and stream[at] < 128:
        header = stream[at]
        at += 1 + (header >> 2 & 1)
        length = len(stream) - at
        if header & 2:
            length = 0
            for shift in range(0, 56, 7):
                byte = stream[at] if at < len(stream) else 0
                at += 1
                length |= (byte & 127) << shift
                if byte < 128:
                    break
        yield header >> 3, stream[at : at + length]
        at += length


def _planes(reader: BitReader) -> int:
    """Bytes of the planes of the largest frame after a sequence header."""
    profile, reduced = reader.bits(3), reader.bits(2) & 1
    if reduced:
        reader.bits(5)
    else:
        _skip_operating_points(reader)
    width_bits, height_bits = reader.bits(4) + 1, reader.bits(4) + 1
    width, height = reader.bits(width_bits) + 1, reader.bits(height_bits) + 1
    planes = _PLANES[min(profile, 3)]
    if not reduced:  # a frame may then have a size of its own, of as many bits
        width, height = 1 << width_bits, 1 << height_bits
    elif not reader.bits(7) & 1:  # after six tools of the encoder: samples of 8 bits, in one byte instead of two
        planes /= 2
    return int(_aligned(width) * _aligned(height) * planes)


def _skip_operating_points(reader: BitReader) -> None:
    delay_bits = 0
    if reader.bits(1):  # timing information
        reader.bits(64)
        if reader.bits(1):  # equal intervals, with a number in exponential Golomb code
            reader.exp_golomb()
        if reader.bits(1):  # a decoder model
            delay_bits = reader.bits(5) + 1
            reader.bits(42)
    has_delays = reader.bits(1)
    for _ in range(reader.bits(5) + 1):
        reader.bits(12)
        if reader.bits(5) > 7:
            reader.bits(1)
        if delay_bits and reader.bits(1):
            reader.bits(2 * delay_bits + 1)
        if has_delays and reader.bits(1):
            reader.bits(4)


def _aligned(length: int) -> int:
    return -(-length // _ALIGNMENT) * _ALIGNMENT
