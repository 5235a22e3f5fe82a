"""Files of formats that hold files of other formats."""

import struct
from collections.abc import Callable

__all__ = ["CONTAINERS", "EPS", "fits", "icon", "iptc"]

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n{} loop\n"
"""A picture whose interpreter runs for ever."""


def iptc(file: bytes) -> bytes:
    """Wrap a file in an IPTC record, which says that it is a grey JPEG of 9x9 pixels."""

    def field(record: int, number: int, content: bytes) -> bytes:
        return bytes([0x1C, record, number, 132]) + struct.pack(">xI", len(content)) + content

    header = ((60, b"\1\0"), (20, b"\x09"), (30, b"\x09"), (120, b"\x05"))
    return b"".join(field(3, number, content) for number, content in header) + field(8, 10, file)


def icon(file: bytes, kind: int = 1) -> bytes:
    """Wrap a PNG or DIB of any size in an ICO file (or a cursor, kind 2) whose header says 16x16."""
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(file), 22)
    return struct.pack("<HHH", 0, kind, 1) + entry + file


def icns(file: bytes) -> bytes:
    """Wrap a PNG or JPEG 2000 in an icon of macOS, whose header says 128x128."""
    return b"icns" + struct.pack(">I", len(file) + 16) + b"ic07" + struct.pack(">I", len(file) + 8) + file


def blp(file: bytes) -> bytes:
    """Wrap a JPEG in a texture, whose header says 9x9."""
    header = b"BLP1" + struct.pack("<iIIIii", 0, 0, 9, 9, 5, 0)
    data = len(header) + 128 + 4
    return header + struct.pack("<16I", data, *[0] * 15) + struct.pack("<16I", len(file), *[0] * 15) + bytes(4) + file


def fits(compressed: bytes, rows: int) -> bytes:
    """Make a FITS file of compressed rows of 1000 pixels, as many as its header says."""
    cards = [
        "SIMPLE  =                    T",
        "BITPIX  =                    8",
        "NAXIS   =                    0",
        "END",
        "XTENSION= 'BINTABLE'",
        "BITPIX  =                    8",
        "NAXIS   =                    2",
        "NAXIS1  =                    8",
        "NAXIS2  =                    1",
        "ZIMAGE  =                    T",
        "ZCMPTYPE= 'GZIP_1  '",
        "ZBITPIX =                    8",
        "ZNAXIS  =                    2",
        "ZNAXIS1 =                 1000",
        f"ZNAXIS2 = {rows:20}",
        "ZTILE1  =                 1000",
        "ZTILE2  =                    1",
        "END",
    ]
    end = cards.index("END") + 1
    headers = ("".join(card.ljust(80) for card in part) for part in (cards[:end], cards[end:]))
    return b"".join(header.encode().ljust(2880) for header in headers) + bytes(8) + compressed


CONTAINERS: tuple[Callable[[bytes], bytes], ...] = (iptc, icon, icns, blp)
