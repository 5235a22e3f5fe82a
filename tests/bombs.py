"""Small files that would take gigabytes of memory to decode."""

import struct
import zlib
from collections.abc import Iterator
from functools import cache

from PIL import Image

from tests.containers import fits, iptc
from tests.heif import Item, can_encode, configuration, grid, heif, ispe, parameter_set, stream
from tests.pictures import encoded, png

__all__ = ["avif", "bombs", "j2k", "tiff_of_tiles", "webp"]


@cache
def bombs() -> dict[str, bytes]:
    """Return the content of each file by name; all must be refused, whatever the limit of pixels."""
    return dict(_bombs())


def _bombs() -> Iterator[tuple[str, bytes]]:
    yield "a PNG of 300 megapixels in IPTC", iptc(png(20_000, 15_000, 1, 0, b"nothing"))
    yield "a FITS file to decompress", fits(zlib.compress(bytes(4000), wbits=31), 1)
    yield "a WebP of 13000x13000", webp(13_000, 13_000)
    yield "a JPEG 2000 of 13000x13000", j2k(size=(13_000, 13_000))
    yield "a JPEG 2000 of small precincts", j2k(size=(3000, 3000), precinct=0)
    yield "a JPEG 2000 of small code-blocks", j2k(size=(8000, 8000), precinct=1)
    yield "a TIFF of one tile of 26624x26624", tiff_of_tiles(10, 10, 26_624, 26_624)
    yield "a TIFF of two sizes of tiles", tiff_of_tiles(10, 10, 16, 26_624, extra=[(322, 4, 1, 26_624)])
    yield "a TIFF of a million strips", tiff_of_strips(1_100_000)
    yield "an AVIF that hides its size", avif(16_384, 16_384)
    if can_encode():
        yield "a HEIF that hides its size", heic(16_384, 16_384)
        yield "a HEIF of 961 tiles", heic_of_tiles(31, 31)
    yield "a PNG of one column", png(1, 178_956_970, 8, 0, b"nothing")


def webp(width: int, height: int) -> bytes:
    """A lossless WebP of one transparent color, whose pixels take no bits."""
    content = b"\x2f" + struct.pack("<I", width - 1 | height - 1 << 14 | 1 << 28) + b"\x88\x88\x08".ljust(9, b"\0")
    return b"RIFF" + struct.pack("<I", 12 + len(content)) + b"WEBPVP8L" + struct.pack("<I", len(content)) + content


def j2k(
    *, size: tuple[int, int], tile: tuple[int, int] = (0, 0), precinct: int | None = None, components: int = 3
) -> bytes:
    """A codestream of JPEG 2000 with another size, and precincts of 2 to the given power, than its pixels."""
    stream = encoded(Image.new("RGB", (64, 64), 77), "JPEG2000", no_jp2=True, num_resolutions=1)
    start, coding = stream.index(b"\xff\x51"), stream.index(b"\xff\x52")
    sides = tuple(side or whole for side, whole in zip(tile, size, strict=True))
    samples = b"\7\1\1" * components
    siz = struct.pack(">HHIIIIIIIIH", 38 + len(samples), 0, *size, 0, 0, *sides, 0, 0, components) + samples
    cod = stream[coding + 2 : coding + 14]
    if precinct is not None:
        cod = b"\0\x0d\1" + cod[3:8] + b"\0\0" + cod[10:] + bytes([precinct * 17])
    return stream[:start] + b"\xff\x51" + siz + b"\xff\x52" + cod + stream[coding + 14 :]


def _tiff(tags: list[tuple[int, int, int, int]], content: bytes = b"") -> bytes:
    start = 8 + len(content)
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    return struct.pack("<2sHI", b"II", 42, start) + content + directory


def tiff_of_tiles(
    width: int, height: int, tile_width: int, tile_height: int, extra: list[tuple[int, int, int, int]] | None = None
) -> bytes:
    """A compressed TIFF of one tile of any size, in RGB."""
    content, pixels = struct.pack("<HHH", 8, 8, 8), zlib.compress(bytes(100))
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 3, 8),
        (259, 3, 1, 8),
        (262, 3, 1, 2),
        (277, 3, 1, 3),
        (322, 4, 1, tile_width),
        *(extra or []),
        (323, 4, 1, tile_height),
        (324, 4, 1, 14),
        (325, 4, 1, len(pixels)),
    ]
    return _tiff(tags, content + pixels)


def tiff_of_strips(number: int) -> bytes:
    """An uncompressed TIFF of one column, with one strip per row."""
    tags = [
        (256, 4, 1, 1),
        (257, 4, 1, number),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, number, 8),
        (277, 3, 1, 1),
        (278, 4, 1, 1),
        (279, 4, number, 8),
    ]
    return _tiff(tags, struct.pack("<I", 8) * number)


def avif(width: int, height: int) -> bytes:
    """An AVIF of 64x64 pixels according to its container, but not to its AV1 sequence header."""
    file = encoded(Image.new("RGB", (64, 64), 77), "AVIF", subsampling="4:4:4")
    bits = "001" + "1" + "1" + "01000" + f"{15:04b}{15:04b}{width - 1:016b}{height - 1:016b}" + "0" * 6 + "1" + "0" * 30
    bits += "0" * (-len(bits) % 8)
    header = int(bits, 2).to_bytes(len(bits) // 8)
    stream = bytes([0x0A, len(header)]) + header
    start = file.index(b"mdat") + 4
    return file[:start] + stream.ljust(len(file) - start, b"\0")


def heic(width: int, height: int) -> bytes:
    """A HEIF of 64x64 pixels according to its container, but not to the parameter set of HEVC."""
    sps = parameter_set(width, height, chroma=3, depth=10)
    return heif([Item(b"hvc1", stream(), (ispe(64, 64), configuration(sps=sps)))])


def heic_of_tiles(columns: int, rows: int) -> bytes:
    """A HEIF of 64x64 pixels that uses one tile of a megapixel many times."""
    tiles = Item(b"grid", grid(columns, rows, 64, 64), (ispe(64, 64),), {b"dimg": [2] * (columns * rows)})
    return heif([tiles, Item(b"hvc1", stream(1024), (ispe(1024, 1024), configuration(1024)))])
