"""SHA-256 digests that the files of a run carry in themselves, so that every wrong bit is found.

The pages of a Parquet file have checksums of their own, which each read verifies; the digest covers the file as a
whole, with its footer. Files without a digest, such as those of version 0.1.0, count as intact.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

__all__ = [
    "PARQUET_METADATA",
    "object_with_digest",
    "object_without_digest",
    "parquet_is_intact",
    "parquet_with_digest",
    "text_is_intact",
    "text_with_digest",
]

_PLACEHOLDER = b"0" * 64
"""Takes the place of the digest in the bytes that are hashed."""

PARQUET_METADATA = {"osrmac.sha256": _PLACEHOLDER.decode()}
"""Metadata to write into the footer of a Parquet file before `parquet_with_digest`."""

_IN_FOOTER = b"osrmac.sha256\x18\x40"
"""Precedes the digest in a footer: the key, and how Thrift's compact protocol announces a string of 64 bytes."""

_JSON_KEY = "sha256"


def parquet_with_digest(content: bytes) -> bytes:
    """Return a Parquet file with its digest in the place of `PARQUET_METADATA`."""
    start = content.rindex(_IN_FOOTER) + len(_IN_FOOTER)
    view = memoryview(content)
    return b"".join([view[:start], _hex_digest(content).encode(), view[start + len(_PLACEHOLDER) :]])


def parquet_is_intact(content: bytes) -> bool:
    """Return whether a Parquet file has the digest that it states, or states none."""
    position = content.rfind(_IN_FOOTER)
    if position < 0:
        return True
    start = position + len(_IN_FOOTER)
    stop = start + len(_PLACEHOLDER)
    view = memoryview(content)
    return _hex_digest(view[:start], _PLACEHOLDER, view[stop:]).encode() == content[start:stop]


def object_with_digest(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object with a digest of its values as the last one."""
    return {**values, _JSON_KEY: _object_digest(values)}


def object_without_digest(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a JSON object without their digest.

    Raises:
        ValueError: The digest is that of other values.
    """
    *others, (last, digest) = values.items() or [("", None)]
    if digest == _object_digest(dict(others)):  # if the key itself is damaged, no value is
        return dict(others)
    if last == _JSON_KEY:
        raise ValueError("its values are not those that its digest was computed of")
    return dict(values)


def text_with_digest(text: str) -> bytes:
    """Return a text in HTML, SVG or Markdown in UTF-8, followed by its digest in a comment."""
    content = text.encode()
    return content + _comment(content)


def text_is_intact(content: bytes) -> bool:
    """Return whether a text has the digest that it states, or states none."""
    length = len(_comment(b""))
    text, comment = content[:-length], content[-length:]
    return comment == _comment(text) or b"sha256" not in comment


def _comment(text: bytes) -> bytes:
    return f"<!-- sha256 {_hex_digest(text)} -->\n".encode()


def _object_digest(values: Mapping[str, Any]) -> str:
    return _hex_digest(json.dumps(values, sort_keys=True, separators=(",", ":")).encode())


def _hex_digest(*parts: bytes | memoryview) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
