"""Screens to view pages on, and the folder of their screenshots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

__all__ = ["SCREENS", "SCREENSHOTS", "Screen", "has_scheme", "new_context", "save_screenshot", "save_small_screenshot"]

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"


class Screen(NamedTuple):
    """A screen to view pages on, in pixels."""

    name: str
    width: int
    height: int
    scheme: str

    def __str__(self) -> str:
        return f"{self.name}-{self.scheme}"


SCREENS = [
    Screen(name, width, height, scheme)
    for name, width, height in (("desktop", 1280, 800), ("phone", 390, 844))
    for scheme in ("light", "dark")
]


def new_context(browser: Browser, screen: Screen, **options: Any) -> BrowserContext:
    return browser.new_context(
        viewport={"width": screen.width, "height": screen.height},
        color_scheme="dark" if screen.scheme == "dark" else "light",
        **options,
    )


def save_screenshot(page: Page, name: str, screen: Screen) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}-{screen}.png", full_page=True)


def save_small_screenshot(page: Page, name: str) -> None:
    """Save what the screen shows as a picture for the documentation, of at most 300 kB."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    file = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=file)
    with Image.open(file) as image:
        image.convert("RGB").quantize(256, kmeans=2).save(file, optimize=True)
    assert file.stat().st_size < 300_000


def has_scheme(page: Page, screen: Screen) -> bool:
    """Whether a page is dark on a screen that asks for it, and light on others."""
    background, ink = (
        page.evaluate(f"getComputedStyle(document.body).{which}") for which in ("backgroundColor", "color")
    )
    return (_lightness(background) < _lightness(ink)) == (screen.scheme == "dark")


def _lightness(colour: str) -> float:
    return sum(map(float, colour.removeprefix("rgb(").rstrip(")").split(",")))
