"""Every page of the web application on every screen: accessible, within the screen, and fit to be looked at."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.browser.screens import SCREENS, Screen, has_scheme, save_screenshot, save_small_screenshot
from tests.browser.served import ORIGINAL, TOKEN, OpenPage, search_for, serving

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

WCAG_TARGET = 24
"""Smallest side of what is pressed, in pixels (WCAG 2.2, 2.5.8)."""

SMALL_TARGETS = """smallest => [...document.querySelectorAll("a, button, input:not([type=hidden]), select, summary")]
    .filter(element => element.checkVisibility() && !element.matches(".skip"))
    .filter(element => {
        const {width, height} = element.getBoundingClientRect();
        return Math.min(width, height) < smallest;
    })
    .map(element => element.outerHTML)"""


class Address(NamedTuple):
    """The address of a page below that of the first one, and the status of its answer."""

    path: str
    status: int = 200


PAGES = {
    "home": Address(""),
    "images": Address("images"),
    "images-found": Address("images?name=CAT&where.subject=cat"),
    "results": Address(search_for(ORIGINAL)),
    "results-part": Address(search_for(ORIGINAL, box="20 30 180 170")),
    "results-filtered": Address(search_for(ORIGINAL, **{"where.subject": "pagoda"})),
    "results-last": Address(search_for(ORIGINAL, page="6")),
    "results-none": Address(search_for(ORIGINAL, **{"where.inventory number": "none"})),
    "compare": Address(search_for(ORIGINAL, rank="2").replace("search", "compare")),
    "compare-part": Address(search_for(ORIGINAL, box="20 30 180 170", rank="1").replace("search", "compare")),
    "groups": Address("groups"),
    "group": Address(f"group?id={ORIGINAL}"),
    "outliers": Address("outliers"),
    "map": Address("map"),
    "duplicates": Address("duplicates"),
    "wrong-query": Address(search_for("no such image.jpg"), 422),
    "expired": Address("search?upload=forgotten", 410),
    "missing": Address("nothing", 404),
}


PAGES_OF_DAMAGED = {
    "damaged-images": Address("images"),
    "damaged-results": Address(search_for("<script>alert(1)<.jpg")),
    "damaged-compare": Address(search_for("line\nbreak.jpg", rank="1").replace("search", "compare")),
    "damaged-failed": Address(search_for("cut off.jpg"), 422),
    "no-groups": Address("groups"),
    "no-outliers": Address("outliers"),
    "no-map": Address("map"),
    "no-duplicates": Address("duplicates"),
}
"""Pages of a run with damaged files, odd names, and neither an overview nor near-duplicates."""


@pytest.fixture(scope="module")
def damaged_server(damaged: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server of a run with damaged files and odd names."""
    folder = tmp_path_factory.mktemp("bare") / "run"
    shutil.copytree(damaged, folder, ignore=shutil.ignore_patterns("overview"))
    with serving(folder) as address:
        yield address


@pytest.fixture(scope="module")
def closed(run: Path, token_file: Path) -> Iterator[str]:
    """Address of a server that asks for a token."""
    with serving(run, "--token-file", str(token_file)) as address:
        yield address


@pytest.mark.parametrize("screen", SCREENS, ids=str)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_and_fits_its_screen(name: str, screen: Screen, open_page: OpenPage) -> None:
    path, status = PAGES[name]
    failing = status if status >= 400 else None
    check(open_page(path, screen, failing=failing, bypass_csp=True), f"serve-{name}", screen)


@pytest.mark.parametrize("screen", SCREENS, ids=str)
@pytest.mark.parametrize("name", PAGES_OF_DAMAGED)
def test_a_page_with_odd_names_or_nothing_to_show_is_accessible_and_fits_its_screen(
    name: str, screen: Screen, open_page: OpenPage, damaged_server: str
) -> None:
    path, status = PAGES_OF_DAMAGED[name]
    failing = status if status >= 400 else None
    page = open_page(path, screen, at=damaged_server, failing=failing, bypass_csp=True)
    check(page, f"serve-{name}", screen)


@pytest.mark.parametrize("screen", SCREENS, ids=str)
def test_an_upload_is_accessible_and_fits_its_screen(screen: Screen, open_page: OpenPage, photo: Path) -> None:
    page = open_page("", screen, bypass_csp=True)
    page.locator("input[type=file]").set_input_files(photo)
    page.wait_for_url("**/search?upload=*")
    check(page, "serve-upload", screen)


@pytest.mark.parametrize("screen", SCREENS, ids=str)
def test_the_token_page_is_accessible_and_fits_its_screen(screen: Screen, open_page: OpenPage, closed: str) -> None:
    page = open_page("token", screen, at=closed, failing=401, bypass_csp=True)
    page.get_by_label("Token").fill(f"not {TOKEN}")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    check(page, "serve-token", screen)


def test_the_screenshot_of_the_documentation_is_small(open_page: OpenPage) -> None:
    page = open_page(search_for("coffee-cup/2.jpg"), Screen("desktop", 1280, 900, "light"))
    page.wait_for_function("[...document.images].filter(image => image.complete).length > 12")
    save_small_screenshot(page, "serve")


def check(page: Page, name: str, screen: Screen) -> None:
    """Check an open page, and leave its screenshot.

    The page bypasses its content security policy, so that axe-core can be added to it.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    page.evaluate("[...document.images].forEach(image => image.loading = 'eager')")
    page.wait_for_function("[...document.images].every(image => image.complete)")
    save_screenshot(page, name, screen)
    assert page.evaluate("document.documentElement.scrollWidth") <= screen.width
    assert page.evaluate("[...document.images].every(image => image.naturalWidth)")
    assert has_scheme(page, screen)
    assert page.evaluate(SMALL_TARGETS, WCAG_TARGET) == []
    found = axe.run(page, options={"rules": {"target-size": {"enabled": True}}})
    assert found.violations_count == 0, found.generate_report()
