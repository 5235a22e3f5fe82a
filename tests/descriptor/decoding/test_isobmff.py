"""Boxes and items of AVIF and HEIF files."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.descriptor.decoding.heif_items import HeifItems
from osrmac.descriptor.decoding.isobmff import BitReader, Box, boxes, children, items
from tests.heif import Item, box, full, heif


def test_numbers_are_read_bit_by_bit_with_zeros_after_the_end() -> None:
    reader = BitReader(bytes([0b1010_0110, 0b1000_0000]))

    assert [reader.bits(width) for width in (1, 3, 4)] == [1, 2, 6]
    assert not reader.is_at_end
    assert (reader.bits(16), reader.is_at_end) == (0b1000_0000_0000_0000, True)


@given(st.integers(0, 2**32 - 2))
def test_exponential_golomb_codes_are_read(number: int) -> None:
    code = f"{number + 1:b}"
    bits = "0" * (len(code) - 1) + code
    content = int(bits.ljust(72, "0"), 2).to_bytes(9)

    reader = BitReader(content)

    assert reader.exp_golomb() == number


def test_boxes_are_found_in_containers() -> None:
    inner = box(b"ipco", box(b"ispe", b"12"))
    file = full(b"meta", box(b"iprp", inner)) + struct.pack(">I4sQ", 1, b"wide", 19) + b"abc" + b"\0\0\0\0restof it"

    assert [found.name for found in boxes(memoryview(file))] == [b"meta", b"iprp", b"ipco", b"ispe", b"wide", b"rest"]
    assert [found.name for found in children(memoryview(file))] == [b"meta", b"wide", b"rest"]
    assert [file[found.start : found.end] for found in children(memoryview(file))][1:] == [b"abc", b"of it"]


def test_items_are_located() -> None:
    view = memoryview(heif([Item(b"mime", b"first"), Item(b"mime", b"second")]))

    assert [(number, bytes(content)) for number, content in items(view, list(boxes(view)))] == [
        (1, b"first"),
        (2, b"second"),
    ]


def test_parts_of_an_item_that_overlap_are_refused() -> None:
    """Together they could be thousands of times as long as the file."""
    located = struct.pack(">IHHHHH", 0, 0x4400, 1, 1, 0, 9) + struct.pack(">II", 0, 0) * 9
    view = memoryview(located)

    with pytest.raises(ValueError, match="overlap"):
        list(items(view, [Box(b"iloc", 0, len(view))]))


def test_too_many_entries_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    file = heif([Item(b"grid", b"", (), {b"dimg": [1] * 99})])
    assert HeifItems(file).tiles == {1: [1] * 99}
    monkeypatch.setattr("osrmac.descriptor.decoding.heif_items._MAX_ENTRIES", 98)

    with pytest.raises(ValueError, match="more than 98 entries"):
        HeifItems(file)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    file = heif([Item(b"grid", b"", (), {b"dimg": [1]})])
    at = len(content) % len(file)
    try:
        found = HeifItems(file[:at] + content + file[at:])
    except ValueError:
        return
    assert isinstance(found.decoded(), set)
