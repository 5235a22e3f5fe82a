"""Files that a listing passes over, counted by kind."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

__all__ = ["Skipped", "describe_skipped"]

_NO_SUFFIX, _HIDDEN, _SPECIAL, _OTHER = "no suffix", "hidden", "special", "other kinds"
_WORDS = {
    _NO_SUFFIX: "without suffix",
    _HIDDEN: "hidden",
    _SPECIAL: "pipes, sockets or devices",
    _OTHER: "of other kinds",
}
"""Kinds that are no suffix, as they follow a number."""

_MAX_KINDS = 50
"""Kinds that are counted apart, beside those of `_WORDS` and `_HINTS`."""
_SHOWN = 8
"""Kinds that are named in a line."""

_SUFFIX = re.compile(r"[^.](\.tar\.[a-z0-9]{1,4}|\.[a-z0-9][a-z0-9_~-]{0,11})$")
"""A suffix that can be shown in any terminal; a longer one is the rest of a name such as `Mr. Smith in Rome`."""

_RAW = "camera raw: convert to JPEG or TIFF first"
_UNPACK = "unpack first"
_IN_A_LIST = "name them in a list"

_HINTS = {
    **dict.fromkeys((".heic", ".heif", ".hif"), "pip install 'osrmac[heif]'"),
    **dict.fromkeys((".3fr", ".arw", ".cr2", ".cr3", ".dng", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2"), _RAW),
    **dict.fromkeys((".7z", ".rar", ".tar.bz2", ".tar.gz", ".tar.xz", ".tar.zst", ".tbz2", ".tgz", ".zip"), _UNPACK),
    **dict.fromkeys((".apng", ".dcx", ".dds", ".mpo", ".pbm", ".pcd", ".pcx", ".pnm", ".psd", ".qoi"), _IN_A_LIST),
    **dict.fromkeys((".sgi", ".tga", ".xbm", ".xpm"), _IN_A_LIST),
}
"""How to have the pictures in files of a kind described."""


class Skipped:
    """Counts of the files that a listing passes over, by kind, in bounded memory.

    A kind is a suffix in lower case, `no suffix`, `hidden` (a name that begins with a dot and has no other),
    `special` (pipes, sockets and devices), or `other kinds` where there are more than fifty.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of files by kind, the most frequent first."""
        return dict(sorted(self._counts.items(), key=lambda kind: (-kind[1], kind[0])))

    def add(self, path: str) -> None:
        """Count a file, also one within an archive."""
        kind = _kind(path)
        is_new = kind not in self._counts and kind not in _WORDS and kind not in _HINTS
        self._counts[_OTHER if is_new and len(self._counts) >= _MAX_KINDS else kind] += 1

    def add_special(self) -> None:
        """Count a pipe, socket or device."""
        self._counts[_SPECIAL] += 1


def _kind(path: str) -> str:
    name = path.rpartition("/")[2]
    found = _SUFFIX.search(name.lower())
    if found:
        return found[1]
    return _HIDDEN if name.startswith(".") else _NO_SUFFIX


def describe_skipped(counts: Mapping[str, int]) -> str:
    """Return the counts in words, with what to do about them.

    >>> describe_skipped({".xmp": 3, ".heic": 14, "no suffix": 2})
    "14 .heic (pip install 'osrmac[heif]'), 3 .xmp, 2 without suffix"
    """
    kinds = sorted((kind for kind in counts if kind != _OTHER), key=lambda kind: (-counts[kind], kind))
    shown = [kind for place, kind in enumerate(kinds) if place < _SHOWN or kind in _HINTS]
    parts = [_phrase(kind, counts[kind]) for kind in shown]
    rest = sum(counts.values()) - sum(counts[kind] for kind in shown)
    return ", ".join([*parts, _phrase(_OTHER, rest)] if rest else parts)


def _phrase(kind: str, count: int) -> str:
    hint = f" ({_HINTS[kind]})" if kind in _HINTS else ""
    return f"{count:,} {_WORDS.get(kind, kind)}{hint}"
