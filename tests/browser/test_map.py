"""The map of a collection in a real browser: mouse, keyboard, buttons and fingers, served by a server of its own."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
PAGE = """<!doctype html><html lang="en"><title>Map</title><meta name="viewport" content="width=device-width">
<link rel="icon" href="/thumbnail?id=icon"><link rel="stylesheet" href="/static/map.css">
<main><h1>Map</h1><div id="map" role="region" aria-label="Map of the collection" data-points="/api/map"
data-thumbnail="/thumbnail?id=" data-open="/search?id="></div></main>
<script type="module" src="/start.js"></script></html>"""
START = 'import { initMap } from "/static/map.js"; initMap(document.getElementById("map"));'
COUNT = 600


def answer(url: str) -> tuple[str, bytes]:
    """Return the type and the content of the page, its files, the points and the thumbnails."""
    path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
    if path.startswith("/static/"):
        name = path.removeprefix("/static/")
        content = resources.files("osrmac").joinpath("server", "static", name).read_bytes()
        return ("text/javascript" if name.endswith(".js") else "text/css"), content
    if path == "/api/map":
        places = np.random.default_rng(0).uniform(size=(COUNT, 2)).round(4).tolist()
        points = [[f"<{n}> & ?.jpg", x, y, n % 7 if n % 3 else None] for n, (x, y) in enumerate(places)]
        return "application/json", json.dumps({"points": points}).encode()
    if path == "/thumbnail":
        file = io.BytesIO()
        Image.new("RGB", (60, 40), (len(query["id"][0]) * 9, 120, 160)).save(file, "PNG")
        return "image/png", file.getvalue()
    return ("text/javascript", START.encode()) if path == "/start.js" else ("text/html", PAGE.encode())


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        kind, content = answer(self.path)
        self.send_response(200)
        headers = {"Content-Type": kind, "Content-Length": str(len(content)), "Content-Security-Policy": POLICY}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture
def visit(browser: Browser, address: str, request: pytest.FixtureRequest) -> Callable[..., Page]:
    """Return a function that opens the map on a screen; in the end, nothing must have been logged."""

    def opened(width: int, height: int, **options: Any) -> Page:
        context: BrowserContext = browser.new_context(viewport={"width": width, "height": height}, **options)
        request.addfinalizer(context.close)
        page = context.new_page()
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        request.addfinalizer(lambda: _none(problems))
        page.goto(address)
        page.wait_for_selector(".map-tiles img")
        page.evaluate(SETTLED)
        return page

    return opened


SETTLED = """() => new Promise((resolve) =>
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 450))))"""
"""Waits for a drawing, and then for longer than the map's own timer, in the order of the page, however slow it is."""


def _none(problems: list[str]) -> None:
    assert problems == []


def place(page: Page) -> tuple[float, float, float]:
    """Return the centre and the zoom, which are in the address soon after the map has been drawn."""
    page.evaluate(SETTLED)
    x, y, times = page.url.partition("#map=")[2].split(",")
    return float(x), float(y), float(times)


def shown(page: Page) -> int:
    count = page.locator(".map-tiles a").count()
    assert page.inner_text(".map-status") == f"{count} of {COUNT} images shown"
    return count


def test_more_images_appear_as_one_zooms_in_and_those_shown_stay(visit: Callable[..., Page]) -> None:
    page = visit(1280, 900)
    assert place(page) == (0.5, 0.5, 1.0)
    first = shown(page)
    titles = set(page.locator(".map-tiles a").evaluate_all("links => links.map(link => link.title)"))
    page.get_by_role("button", name="Zoom in").click()
    assert place(page) == (0.5, 0.5, 2.0)
    assert shown(page) > first
    now = set(page.locator(".map-tiles a").evaluate_all("links => links.map(link => link.title)"))
    assert len(now & titles) > len(titles) / 4
    page.get_by_role("button", name="Show all").click()
    assert place(page) == (0.5, 0.5, 1.0)
    page.get_by_role("button", name="Zoom out").click()
    assert place(page)[2] == 1.0


def test_thumbnails_do_not_overlap(visit: Callable[..., Page]) -> None:
    page = visit(1280, 900)
    boxes = page.locator(".map-tiles a").evaluate_all(
        "links => links.map(link => { const b = link.getBoundingClientRect(); return [b.left, b.top, b.width]; })"
    )
    corners = np.array(boxes)
    apart = np.abs(corners[:, None, :2] - corners[None, :, :2]).max(2)
    np.fill_diagonal(apart, np.inf)
    assert (apart >= corners[0, 2] - 0.5).all()


def test_the_wheel_zooms_about_the_pointer_and_a_drag_moves_the_map(visit: Callable[..., Page]) -> None:
    page = visit(1280, 900)
    box = page.locator(".map").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y + 100)
    page.mouse.wheel(0, -250)
    zoomed = place(page)
    assert zoomed[2] == pytest.approx(2**0.8, abs=0.01)  # a step of the wheel is limited
    assert zoomed[1] > 0.5
    page.mouse.down()
    page.mouse.move(x, y + 130, steps=4)
    page.mouse.up()
    assert place(page)[1] < zoomed[1]
    assert "/search" not in page.url  # the drag has opened no image


def test_a_click_opens_an_image_and_back_returns_to_the_same_place(visit: Callable[..., Page]) -> None:
    page = visit(1280, 900)
    page.get_by_role("button", name="Zoom in").click()
    before = place(page)
    link = page.locator(".map-tiles a").first
    title = link.get_attribute("title")
    link.click()
    page.wait_for_url("**/search?id=*")
    assert parse_qs(urlsplit(page.url).query)["id"] == [title]
    page.go_back()
    page.wait_for_selector(".map-tiles img")
    assert place(page) == before


def test_the_keyboard_moves_zooms_and_opens(visit: Callable[..., Page]) -> None:
    page = visit(1280, 900)
    page.locator(".map").focus()
    page.keyboard.press("+")
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    x, y, times = place(page)
    assert times == pytest.approx(2.25)
    assert x > 0.5
    assert y > 0.5
    page.keyboard.press("-")
    assert place(page)[2] == pytest.approx(1.5)
    page.keyboard.press("0")
    assert place(page) == (0.5, 0.5, 1.0)
    page.locator(".map-tiles a").nth(2).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?id=*")


NEAREST = """(tiles, [x, y]) => {
  const far = tiles.map((tile) => tile.getBoundingClientRect())
    .map((area) => Math.hypot(area.x + area.width / 2 - x, area.y + area.height / 2 - y));
  return far.indexOf(Math.min(...far));
}"""
"""Returns the number of the tile that is nearest to a point."""


def test_two_fingers_zoom_and_a_tap_opens_on_a_phone(visit: Callable[..., Page]) -> None:
    page = visit(390, 800, has_touch=True, is_mobile=True)
    first = shown(page)
    box = page.locator(".map").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)
    for kind, distance in (("touchStart", 30), *(("touchMove", apart) for apart in range(40, 100, 10))):
        fingers = [{"x": x + side * distance, "y": y, "id": number} for number, side in enumerate((-1, 1))]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert place(page)[2] == pytest.approx(3, abs=0.3)
    assert shown(page) > first
    tiles = page.locator(".map-tiles a")
    tiles.nth(tiles.evaluate_all(NEAREST, [x, y])).tap()  # others may be below the buttons
    page.wait_for_url("**/search?id=*")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_map_has_no_accessibility_problems(scheme: str, visit: Callable[..., Page]) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(visit(1280, 900, color_scheme=scheme)).response["violations"]
    assert [problem["id"] for problem in found] == []
