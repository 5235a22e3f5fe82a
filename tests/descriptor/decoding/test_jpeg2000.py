"""Memory of JPEG 2000 decoding, against hand-computed cases and the memory that was measured."""

import struct

import pytest
from PIL import Image

from osrmac.descriptor.decoding.jpeg2000 import decoder_memory
from tests.bombs import j2k
from tests.pictures import encoded, noise

ONE_TILE = 8000 + 3 * 1500
"""Fixed cost of a tile of three components."""

ONE_PRECINCT = 3 * (4 * 250)
"""Of each component, counted with one more row and column, since precincts need not be aligned with the tile."""


def jpeg2000(width: int, height: int, **options: object) -> bytes:
    return encoded(Image.new("RGB", (width, height)), "JPEG2000", **options)


@pytest.mark.parametrize("raw", [False, True])
def test_samples_take_four_bytes_each_and_those_of_the_file(raw: bool) -> None:
    file = jpeg2000(640, 640, num_resolutions=1, no_jp2=raw)

    blocks = 3 * 11 * 11 * 400  # of 64x64 pixels

    assert decoder_memory(file) == len(file) + 640 * 640 * 3 * (4 + 1) + blocks + ONE_PRECINCT + ONE_TILE


def test_only_one_tile_is_in_memory() -> None:
    whole, tiled = jpeg2000(1024, 1024), jpeg2000(1024, 1024, tile_size=(128, 128))

    assert decoder_memory(tiled) - len(tiled) - 64 * ONE_TILE < (decoder_memory(whole) - len(whole)) / 16


def test_samples_of_16_bits_take_two_bytes() -> None:
    eight, sixteen = Image.new("L", (640, 640)), Image.new("I;16", (640, 640))
    files = [encoded(image, "JPEG2000") for image in (eight, sixteen)]

    narrow, wide = (decoder_memory(file) - len(file) for file in files)

    assert wide - narrow == 640 * 640


def test_half_the_size_takes_a_quarter_of_the_samples() -> None:
    file = jpeg2000(640, 640)

    assert decoder_memory(file) - decoder_memory(file, halved=True) == 640 * 640 * 15 * 3 // 4


def test_a_file_of_one_resolution_cannot_be_halved() -> None:
    file = jpeg2000(640, 640, num_resolutions=1)

    assert decoder_memory(file, halved=True) == decoder_memory(file)


@pytest.mark.parametrize(("exponent", "measured"), [(0, 601e6), (1, 154e6), (2, 43e6)])
def test_small_precincts_take_what_was_measured(exponent: int, measured: float) -> None:
    """With OpenJPEG 2.5.4, a grey image of 1024x1024 pixels."""
    file = j2k(size=(1024, 1024), precinct=exponent, components=1)

    assert measured * 0.9 < decoder_memory(file) < measured * 2


def test_many_tiles_take_what_was_measured() -> None:
    file = j2k(size=(1020, 1020), tile=(4, 4))

    assert 790e6 < decoder_memory(file) < 1000e6


def test_the_largest_of_several_headers_counts() -> None:
    small, large = jpeg2000(64, 64), jpeg2000(640, 640)

    assert decoder_memory(small + large) >= decoder_memory(large)
    assert decoder_memory(large + small) >= decoder_memory(large)


def test_the_coding_of_one_component_counts() -> None:
    file = j2k(size=(1024, 1024))
    marker = file.index(b"\xff\x90")
    coding = b"\xff\x53" + struct.pack(">HBBBBBBBB", 10, 0, 1, 0, 0, 0, 0, 1, 0)

    assert decoder_memory(file[:marker] + coding + file[marker:]) > 10 * decoder_memory(file)


def test_compressed_pixels_are_not_taken_for_headers() -> None:
    random = b"\xff\x51" + noise(100, 100).tobytes().replace(b"\0", b"\xff\x51") + b"\xff\x52\xff\x53"

    assert decoder_memory(random) == len(random)


@pytest.mark.parametrize("length", range(0, 150, 7))
def test_truncated_headers_cost_nothing(length: int) -> None:
    assert decoder_memory(jpeg2000(640, 640, no_jp2=True)[:length]) <= 150 + 30e6
