"""The pages of the demo in a real browser, and the screenshots of them in the documentation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from osrmac.cli import main
from tests.browser.screens import (
    SCREENS,
    SCREENSHOTS,
    Screen,
    has_scheme,
    new_context,
    save_screenshot,
    save_small_screenshot,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]


@pytest.fixture(scope="session")
def pages(run: Path, damaged: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The file of each page: two reports and two contact sheets."""
    folder = tmp_path_factory.mktemp("pages")
    queries = ["coffee-cup/2.jpg", "pagoda/1.jpg", "cat/3.jpg"]
    main(["search", str(run), "--format", "json", "--html", str(folder / "search.html"), *queries])
    main(["duplicates", str(run), "--threshold", "17", "--format", "json", "--html", str(folder / "duplicates.html")])
    return {
        "report": (run / "report.html").resolve(),
        "failures": damaged / "report.html",
        "search": folder / "search.html",
        "duplicates": folder / "duplicates.html",
    }


@pytest.fixture
def visit(browser: Browser, request: pytest.FixtureRequest) -> Callable[[Path, Screen], Page]:
    """Return a function that opens a page on a screen, and checks that it logs and requests nothing."""

    def opened(file: Path, screen: Screen) -> Page:
        context = new_context(browser, screen)
        request.addfinalizer(context.close)
        page = context.new_page()
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: problems.append(request.url) if not _is_local(request.url) else None)
        page.goto(file.as_uri())
        page.wait_for_load_state("networkidle")
        assert problems == []
        return page

    return opened


def _is_local(url: str) -> bool:
    return url.startswith(("data:", "file:"))


@pytest.mark.parametrize("screen", SCREENS, ids=str)
@pytest.mark.parametrize("name", ["report", "failures", "search", "duplicates"])
def test_a_page_fits_its_screen_and_follows_the_colour_scheme(
    name: str, screen: Screen, pages: dict[str, Path], visit: Callable[[Path, Screen], Page]
) -> None:
    page = visit(pages[name], screen)
    save_screenshot(page, name, screen)
    assert page.evaluate("document.documentElement.scrollWidth") <= screen.width
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth)")
    assert has_scheme(page, screen)


@pytest.mark.parametrize("name", ["report", "search"])
def test_the_keyboard_reaches_every_link(
    name: str, pages: dict[str, Path], visit: Callable[[Path, Screen], Page]
) -> None:
    page = visit(pages[name], SCREENS[0])
    links, stops = (
        page.evaluate(f"[...document.querySelectorAll('{of}')].filter(each => each.checkVisibility()).length")
        for of in ("a", "a, summary, [tabindex]:not(details *)")
    )
    reached = set()
    for _ in range(stops):
        page.keyboard.press("Tab")
        tag, link, outline = page.evaluate(
            """() => { const focused = document.activeElement;
            const links = [...document.querySelectorAll('a')].filter(link => link.checkVisibility());
            return [focused.tagName, links.indexOf(focused), getComputedStyle(focused).outlineStyle]; }"""
        )
        assert outline != "none", f"{tag} does not show that it has the focus"
        reached.add(link)
    assert reached >= set(range(links))


@pytest.mark.parametrize("screen", [SCREENS[0], SCREENS[3]], ids=lambda screen: screen.name)
@pytest.mark.parametrize("name", ["search", "duplicates"])
def test_larger_images_open_and_close_by_keyboard(
    name: str, screen: Screen, pages: dict[str, Path], visit: Callable[[Path, Screen], Page]
) -> None:
    page = visit(pages[name], screen)
    first, second = (page.locator(".large").nth(number) for number in (0, 1))
    page.locator("a.frame").first.press("Enter")
    assert first.is_visible()
    page.screenshot(path=SCREENSHOTS / f"{name}-large-{screen.name}-{screen.scheme}.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= screen.width
    page.keyboard.press("Tab")  # to the first link of the larger view
    page.keyboard.press("Enter")
    assert second.is_visible()
    assert not first.is_visible()
    second.get_by_role("link", name="Close").press("Enter")
    assert not second.is_visible()


def test_the_navigation_and_the_numbers_of_charts_work_by_keyboard(
    pages: dict[str, Path], visit: Callable[[Path, Screen], Page]
) -> None:
    page = visit(pages["report"], SCREENS[2])
    page.get_by_role("navigation").get_by_role("link", name="Best and worst answers").press("Enter")
    heading = page.get_by_role("heading", name="Best and worst answers")
    top = heading.evaluate("element => element.getBoundingClientRect().top")
    bar = page.get_by_role("navigation").evaluate("element => element.getBoundingClientRect().bottom")
    assert bar <= top < 200
    numbers = page.locator("figure details").first
    numbers.locator("summary").press("Enter")
    assert numbers.get_by_role("table").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= SCREENS[2].width


def test_charts_tables_and_verdicts_are_accessible_to_a_screen_reader(
    pages: dict[str, Path], visit: Callable[[Path, Screen], Page]
) -> None:
    page = visit(pages["report"], SCREENS[0])
    assert page.get_by_role("img", name="groups, queries: all. At a recall of 0.5").count() == 1
    assert page.get_by_role("region", name="groups").first.is_visible()
    tree = page.locator("main").aria_snapshot()
    assert "wrong" in tree
    assert "after the last right one" in tree


def test_the_screenshots_of_the_documentation_are_small(
    pages: dict[str, Path], visit: Callable[[Path, Screen], Page]
) -> None:
    for name, height in (("search", 740), ("report", 1010)):
        page = visit(pages[name], Screen("desktop", 1280, height, "light"))
        save_small_screenshot(page, name)
