"""The pages of the demo in a real browser, and the screenshots of them in the documentation."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from PIL import Image

from osrmac.cli import main

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
DAMAGED = {"cut off.jpg": 4000, "empty.jpg": 0}
"""Number of bytes of an image that each damaged file holds."""


class Screen(NamedTuple):
    """A screen to view pages on, in pixels."""

    name: str
    width: int
    height: int
    scheme: str


SCREENS = [
    Screen(name, width, height, scheme)
    for name, width, height in (("desktop", 1280, 800), ("phone", 390, 844))
    for scheme in ("light", "dark")
]


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The demo's run in the current folder, so that pages show no other path; $OSRMAC_DEMO may hold one already."""
    folder = Path(os.environ.get("OSRMAC_DEMO") or tmp_path_factory.mktemp("demo"))
    with chdir(folder):
        if not Path("osrmac-demo", "run.json").exists():
            main(["demo"])
        main(["report", "osrmac-demo"])
        yield Path("osrmac-demo")


@pytest.fixture(scope="session")
def damaged(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run with damaged files and odd file names."""
    folder = tmp_path_factory.mktemp("damaged")
    photos = folder / "photos"
    photos.mkdir()
    sources = sorted((run / "collection" / "images").rglob("*.jpg"))
    content = sources[0].read_bytes()
    for name, kept in DAMAGED.items():
        (photos / name).write_bytes(content[:kept])
    for number, name in enumerate(
        ("<script>alert(1)<.jpg", "line\nbreak.jpg", "\u202egpj.\u05e9\u05dc\u05d5\u05dd.jpg")
    ):
        (photos / name).write_bytes(sources[number].read_bytes())
    small = ["--backbone", "resnet18", "--weights", "random:0", "--image-sizes", "96", "64", "--max-failure-rate", "1"]
    main(["run", str(photos), str(folder / "run"), *small, "--features", "8", "--retained-variance", "0.5"])
    return folder / "run"


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
        context = browser.new_context(
            viewport={"width": screen.width, "height": screen.height},
            color_scheme="dark" if screen.scheme == "dark" else "light",
        )
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


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: f"{screen.name}-{screen.scheme}")
@pytest.mark.parametrize("name", ["report", "failures", "search", "duplicates"])
def test_a_page_fits_its_screen_and_follows_the_colour_scheme(
    name: str, screen: Screen, pages: dict[str, Path], visit: Callable[[Path, Screen], Page]
) -> None:
    page = visit(pages[name], screen)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}-{screen.name}-{screen.scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= screen.width
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth)")
    background, ink = (
        page.evaluate(f"getComputedStyle(document.body).{which}") for which in ("backgroundColor", "color")
    )
    assert (_lightness(background) < _lightness(ink)) == (screen.scheme == "dark")


def _lightness(colour: str) -> float:
    return sum(map(float, colour.removeprefix("rgb(").rstrip(")").split(",")))


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
    page.get_by_role("navigation").get_by_role("link", name="Best and worst queries").press("Enter")
    heading = page.get_by_role("heading", name="Best and worst queries")
    top = heading.evaluate("element => element.getBoundingClientRect().top")
    bar = page.get_by_role("navigation").evaluate("element => element.getBoundingClientRect().bottom")
    assert bar <= top < 200
    numbers = page.locator("details").first
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
    assert "relevant" in tree
    assert "wrong" in tree


def test_the_screenshots_of_the_documentation_are_small(
    pages: dict[str, Path], visit: Callable[[Path, Screen], Page]
) -> None:
    for name, height, place in (("search", 740, "h1"), ("report", 1240, "h2:text('Precision and recall')")):
        page = visit(pages[name], Screen("desktop", 1280, height, "light"))
        page.locator(place).evaluate("element => element.tagName == 'H1' || element.scrollIntoView()")
        file = SCREENSHOTS / f"{name}.png"
        page.screenshot(path=file)
        with Image.open(file) as image:
            image.convert("RGB").quantize(256, kmeans=2).save(file, optimize=True)
        assert file.stat().st_size < 300_000
