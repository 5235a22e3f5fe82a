"""Addresses of pages: what their query strings say, and the query strings of further pages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import QueryParams

from osrmac.server.columns import Columns, Filters
from osrmac.types import Box

__all__ = ["BrowseAddress", "QueryError", "SearchAddress", "number"]

_FILTER = "where."
_EDGES = ("left", "top", "right", "bottom")
_DIGITS = 10
_MOST = 10_000
"""Largest number of a page, or of a result."""


class QueryError(Exception):
    """An address cannot be answered; the message is the reason, on one line."""


@dataclass(frozen=True)
class SearchAddress:
    """What the address of a page of results says.

    Attributes:
        image: Id of an image of the run to search with.
        upload: Key of an uploaded picture to search with, if no image.
        box: Part of it to search with, in pixels; None for the whole picture.
        filters: Conditions on the user's columns.
        page: Number of the page, from 1.
    """

    image: str | None = None
    upload: str | None = None
    box: Box | None = None
    filters: Filters = ()
    page: int = 1

    @classmethod
    def of(cls, values: QueryParams, columns: Columns) -> Self:
        """Read an address.

        Raises:
            QueryError: A value is none that there can be.
        """
        box = _box(values)
        return cls(values.get("id"), values.get("upload"), box, _filters(values, columns), number(values, "page"))

    def __str__(self) -> str:
        """Return the query string of the address."""
        named: dict[str, Any] = {"id": self.image, "upload": self.upload}
        named["box"] = None if self.box is None else " ".join(f"{edge:g}" for edge in self.box)
        named["page"] = self.page if self.page > 1 else None
        return _query_string(named, self.filters)

    def at(self, page: int) -> Self:
        """Return the address of another page of the same results."""
        return replace(self, page=page)

    @property
    def query(self) -> list[tuple[str, str]]:
        """Names and values of the query itself, without the conditions on its results."""
        return parse_qsl(str(replace(self, filters=(), page=1)))

    @property
    def whole(self) -> Self:
        """Address of the search with the whole picture."""
        return replace(self, box=None, page=1)


@dataclass(frozen=True)
class BrowseAddress:
    """What the address of a page of images says.

    Attributes:
        name: Text that the names of the images contain, whatever its case.
        filters: Conditions on the user's columns.
        page: Number of the page, from 1.
    """

    name: str = ""
    filters: Filters = ()
    page: int = 1

    @classmethod
    def of(cls, values: QueryParams, columns: Columns) -> Self:
        """Read an address.

        Raises:
            QueryError: A value is none that there can be.
        """
        return cls(values.get("name", "").strip(), _filters(values, columns), number(values, "page"))

    def __str__(self) -> str:
        """Return the query string of the address."""
        return _query_string({"name": self.name or None, "page": self.page if self.page > 1 else None}, self.filters)

    def at(self, page: int) -> Self:
        """Return the address of another page of the same images."""
        return replace(self, page=page)


def _query_string(named: Mapping[str, Any], filters: Filters) -> str:
    given = [(name, value) for name, value in named.items() if value is not None]
    return urlencode([*given, *((_FILTER + name, value) for name, value in filters)])


def _filters(values: QueryParams, columns: Columns) -> Filters:
    given = {(name, value.strip()) for name, value in values.multi_items() if name.startswith(_FILTER)}
    filters = tuple(sorted((name.removeprefix(_FILTER), value) for name, value in given if value))
    for name, _ in filters:
        if name not in columns.names:
            raise QueryError(f"there is no column {name}")
    return filters


def number(values: QueryParams, name: str, default: int = 1, most: int = _MOST) -> int:
    """Return a number from 1 on in an address.

    Raises:
        QueryError: It is none, or too large.
    """
    text = values.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < _DIGITS and 1 <= int(text) <= most):
        raise QueryError(f"{name} must be a number from 1 to {most}")
    return int(text)


def _box(values: QueryParams) -> Box | None:
    """Read a box: four numbers in `box`, or one in each of `box-left` and so on, as a form sends them."""
    text = values.get("box") or " ".join(values.get(f"box-{edge}", "") for edge in _EDGES)
    parts = text.replace(",", " ").split()
    if not parts:
        return None
    try:
        left, top, right, bottom = map(float, parts)
    except ValueError as error:
        raise QueryError("box must be four numbers: left, top, right and bottom, in pixels") from error
    if not all(map(math.isfinite, (left, top, right, bottom))) or left >= right or top >= bottom:
        raise QueryError("box must have its left before its right edge, and its top above its bottom, in pixels")
    return left, top, right, bottom
