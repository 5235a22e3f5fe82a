"""The page that asks for the token."""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from osrmac.server.pages.rendering import page, root
from osrmac.server.protection.access import Access, with_cookie

__all__ = ["ask", "check"]


async def ask(request: Request) -> Response:
    """Ask for the token."""
    return page(request, "token.html", HTTPStatus.UNAUTHORIZED, wrong=False)


async def check(request: Request) -> Response:
    """Check the token of the form, and let the browser keep it."""
    access: Access = request.app.state.access
    try:
        async with request.form(max_files=0, max_fields=1) as form:
            given = form.get("token")
    except UnicodeError:
        given = None
    if not isinstance(given, str) or not access.knows(given.strip()):
        return page(request, "token.html", HTTPStatus.UNAUTHORIZED, wrong=True)
    return with_cookie(RedirectResponse(f"{root(request)}/", HTTPStatus.SEE_OTHER), request, access)
