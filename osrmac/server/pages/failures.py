"""Answers to requests that fail: a page for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from osrmac.credentials import redact
from osrmac.errors import OsrmacError, PruningError
from osrmac.server.addresses import QueryError
from osrmac.server.pages.rendering import page, root
from osrmac.server.pictures import PictureError
from osrmac.server.search import BusyError, ExpiredError

__all__ = ["HANDLERS"]

_RETRY = {"Retry-After": "2"}


def _answer(
    request: Request, status: HTTPStatus, title: str, text: str, headers: Mapping[str, str] | None = None
) -> Response:
    if request.url.path.startswith(f"{root(request)}/api/"):
        answer: Response = JSONResponse({"error": redact(text)}, status)
    else:
        answer = page(request, "failure.html", status, title=title, text=text)
    answer.headers.update(headers or {})
    return answer


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # as it is registered
    status = HTTPStatus(error.status_code)
    text = "There is no such page." if error.detail == HTTPStatus.NOT_FOUND.phrase else error.detail
    return _answer(request, status, status.phrase, text, error.headers)


def _query(request: Request, error: Exception) -> Response:
    return _answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, "This cannot be searched for", str(error))


def _expired(request: Request, _error: Exception) -> Response:
    text = (
        "The picture that you uploaded has been forgotten: uploads are held for a short time, and in memory only. "
        "Upload it again. The pages of images of the collection can be bookmarked."
    )
    return _answer(request, HTTPStatus.GONE, "This upload has expired", text)


def _busy(request: Request, _error: Exception) -> Response:
    text = "Too many searches wait for each other. Try again in a moment."
    return _answer(request, HTTPStatus.SERVICE_UNAVAILABLE, "Busy", text, _RETRY)


def _pruning(request: Request, _error: Exception) -> Response:
    text = "Images are being removed from the collection. Try again in a moment."
    return _answer(request, HTTPStatus.SERVICE_UNAVAILABLE, "Busy", text, _RETRY)


def _disconnected(_request: Request, _error: Exception) -> Response:
    """Return what nobody receives: the client went away before it had sent everything."""
    return Response(status_code=HTTPStatus.BAD_REQUEST)


HANDLERS: Mapping[type[Exception], Callable[[Request, Exception], Response]] = {
    HTTPException: _http,
    ClientDisconnect: _disconnected,
    QueryError: _query,
    PictureError: _query,
    ExpiredError: _expired,
    BusyError: _busy,
    PruningError: _pruning,
    OsrmacError: _query,
}
"""Answers by the error that a request raises."""
