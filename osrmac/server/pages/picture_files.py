"""The pictures of pages, as JPEG files."""

from __future__ import annotations

from http import HTTPStatus
from typing import cast

from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from osrmac.server.pages.rendering import current_run, site
from osrmac.server.pictures import SIDES, PictureError, Size

__all__ = ["picture"]

_SECONDS = 7 * 24 * 3600
"""Time for which a browser keeps a picture of a version of the run."""


async def picture(request: Request) -> Response:
    """Return an image of the run, or an upload, small or large."""
    shared, values = site(request), request.query_params
    size = values.get("size", "small")
    if size not in SIDES:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, f"size must be one of {', '.join(SIDES)}")
    if "id" in values:
        current = await current_run(request)
        row = current.row(values["id"])
        if row is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "the run has no such image")

        def make() -> bytes:
            return shared.pictures.of_image(row["uri"], cast("Size", size), current.version)
    else:
        upload = shared.uploads.get(values.get("upload", ""))
        if upload is None:
            raise HTTPException(HTTPStatus.GONE, "the uploaded picture is not held any more")

        def make() -> bytes:
            return shared.pictures.of_content(upload.content, cast("Size", size))

    try:
        content = await to_thread.run_sync(make, limiter=shared.decoding)
    except PictureError as error:
        raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from error
    kept = f"private, max-age={_SECONDS}, immutable" if "version" in values else "no-store"
    return Response(content, media_type="image/jpeg", headers={"Cache-Control": kept})
