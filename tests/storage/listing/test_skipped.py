"""Files that a listing passes over: their kinds, and the line that names them."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.errors import printable
from osrmac.storage.listing.skipped import Skipped, describe_skipped


def counted(*paths: str) -> dict[str, int]:
    skipped = Skipped()
    for path in paths:
        skipped.add(path)
    return skipped.counts


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("photos/IMG_0001.HEIC", ".heic"),
        ("photos.old/README", "no suffix"),
        ("Mr. Smith in Rome, at the fountain", "no suffix"),
        ("ends with a dot.", "no suffix"),
        ("photos/.DS_Store", "hidden"),
        (".hidden.xmp", ".xmp"),
        ("scans.TAR.GZ", ".tar.gz"),
        ("Thumbs.db", ".db"),
        ("a.jpg~", ".jpg~"),
        ("bell.\x07", "no suffix"),
        ("r\u202e.gpj\u202e", "no suffix"),
    ],
)
def test_the_kind_of_a_file_is_its_suffix(path: str, kind: str) -> None:
    assert counted(path) == {kind: 1}


def test_the_most_frequent_kind_comes_first() -> None:
    skipped = Skipped()
    for path in ("a.xmp", "b.heic", "c.HEIC", "d", "e.json"):
        skipped.add(path)
    skipped.add_special()
    assert list(skipped.counts.items()) == [(".heic", 2), (".json", 1), (".xmp", 1), ("no suffix", 1), ("special", 1)]


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ({}, ""),
        ({".heic": 14, ".xmp": 3, "no suffix": 2}, "14 .heic (pip install 'osrmac[heif]'), 3 .xmp, 2 without suffix"),
        (
            {".nef": 1200, "special": 1},
            "1,200 .nef (camera raw: convert to JPEG or TIFF first), 1 pipes, sockets or devices",
        ),
        ({".zip": 1, ".tga": 1, "hidden": 4}, "4 hidden, 1 .tga (name them in a list), 1 .zip (unpack first)"),
        (
            {f".{letter}": 10 for letter in "abcdefghij"} | {".heic": 1, "other kinds": 7},
            ", ".join(f"10 .{letter}" for letter in "abcdefgh")
            + ", 1 .heic (pip install 'osrmac[heif]'), 27 of other kinds",
        ),
    ],
)
def test_a_line_names_the_kinds_and_what_to_do(counts: dict[str, int], line: str) -> None:
    assert describe_skipped(counts) == line


def test_kinds_are_bounded_but_those_with_advice_are_always_named() -> None:
    found = counted(*(f"{number}.{number}" for number in range(1000)), "late.heic", "later.0", "README")
    assert len(found) <= 55
    assert sum(found.values()) == 1003
    assert (found[".heic"], found[".0"], found["no suffix"]) == (1, 2, 1)


@given(st.lists(st.text(st.characters(exclude_characters="/"), min_size=1)))
def test_every_file_counts_once_in_a_line_for_any_terminal(names: list[str]) -> None:
    found = counted(*names)
    assert sum(found.values()) == len(names)
    assert Counter(found) == Counter(counted(*reversed(names))) or len(found) > 50
    line = describe_skipped(found)
    assert line.isascii()
    assert printable(line) == line
