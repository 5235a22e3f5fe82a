"""The description of the JSON API, in the OpenAPI format."""

from __future__ import annotations

from typing import Any

from osrmac import __version__

__all__ = ["MOST_IMAGES", "MOST_MATCHES", "description"]

MOST_MATCHES = 1000
"""Largest number of matches in an answer."""

MOST_IMAGES = 1000
"""Largest number of listed images in an answer."""


def description(root: str, has_token: bool) -> dict[str, Any]:
    """Return the description of the API (OpenAPI 3.1).

    Args:
        root: Path below which the API is.
        has_token: Whether requests must give a token.
    """
    security: dict[str, Any] = {"security": [{"token": []}]} if has_token else {}
    schemes: dict[str, Any] = {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}} if has_token else {}
    return {
        "openapi": "3.1.0",
        "info": {"title": "osrmac", "version": __version__, "description": "Search for images by image."},
        "servers": [{"url": root or "/"}],
        **security,
        "paths": {
            "/api/search": {
                "get": _operation(
                    "Search with an image of the run",
                    [_parameter("id", "Id of the image.", {"type": "string"}, required=True), *_SEARCH, _PAGE],
                    "Answer",
                ),
                "post": _operation("Search with any picture", _SEARCH, "Answer") | {"requestBody": _PICTURE},
            },
            "/api/images": {
                "get": _operation(
                    "List images of the run by name",
                    [
                        _parameter("name", "Text that the id contains, whatever its case.", {"type": "string"}),
                        _parameter("size", "Images in an answer.", _whole(100, MOST_IMAGES)),
                        _PAGE,
                        _FILTER,
                    ],
                    "Images",
                )
            },
        },
        "components": {"schemas": _SCHEMAS, **schemes},
    }


def _whole(default: int, most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": 1, "maximum": most, "default": default}


def _parameter(name: str, text: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": text, "schema": schema, "required": required}


def _operation(summary: str, parameters: list[dict[str, Any]], answer: str) -> dict[str, Any]:
    failures = {
        "400": "The request is malformed.",
        "401": "The token is missing or wrong.",
        "410": "The uploaded picture is not held any more.",
        "413": "The picture is larger than osrmac serve --max-upload.",
        "422": "The query cannot be answered; `error` says why.",
        "503": "Too many searches wait, or images are being removed from the run: try again.",
    }
    return {
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": "The answer.", "content": _json(answer)},
            **{status: {"description": text, "content": _json("Error")} for status, text in failures.items()},
        },
    }


def _json(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


_TEXT, _NUMBER, _TRUTH = {"type": "string"}, {"type": "number"}, {"type": "boolean"}
_TEXTS = {"type": "object", "additionalProperties": _TEXT}
_BOX = {"type": ["array", "null"], "items": _NUMBER, "minItems": 4, "maxItems": 4}

_PAGE = _parameter("page", "Number of the page of results.", _whole(1, 10_000))
_FILTER = {
    "name": "where",
    "in": "query",
    "description": "Conditions on the columns of --columns, each as `where.COLUMN=VALUE`.",
    "schema": _TEXTS,
    "style": "form",
    "explode": True,
    "required": False,
}
_SEARCH = [
    _parameter("top", "Matches in an answer.", _whole(10, MOST_MATCHES)),
    _parameter("box", "Part of the picture to search for: left, top, right and bottom in pixels.", _TEXT),
    _FILTER,
]
_PICTURE = {
    "required": True,
    "description": "The file of a picture, in any format that osrmac decodes.",
    "content": {
        "image/*": {"schema": {"type": "string", "format": "binary"}},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["picture"],
                "properties": {"picture": {"type": "string", "format": "binary"}},
            }
        },
    },
}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


_SCHEMAS = {
    "Answer": _object(
        query=_object(name=_TEXT, width={"type": "integer"}, height={"type": "integer"}),
        method=_TEXT,
        distance={"type": "string", "enum": ["l1", "l2", "cosine"]},
        searched=_TEXT,
        seconds=_NUMBER,
        more=_TRUTH,
        matches={"type": "array", "items": {"$ref": "#/components/schemas/Match"}},
    ),
    "Match": _object(
        rank={"type": "integer"},
        id=_TEXT,
        uri=_TEXT,
        distance=_NUMBER,
        tied=_TRUTH,
        score={"type": ["number", "null"]},
        box=_BOX,
        columns=_TEXTS,
        picture=_TEXT,
        page=_TEXT,
    ),
    "Images": _object(
        found={"type": "integer"},
        more=_TRUTH,
        images={"type": "array", "items": _object(id=_TEXT, columns=_TEXTS)},
    ),
    "Error": _object(error=_TEXT),
}
