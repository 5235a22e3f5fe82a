"""A headless browser, without which tests are skipped, the demo's run, and a server of it."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageEnhance

from osrmac.cli import main
from tests.browser.screens import SCREENS, Screen, new_context
from tests.browser.served import ORIGINAL, TOKEN, OpenPage, Watch, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DAMAGED = {"cut off.jpg": 4000, "empty.jpg": 0}
"""Number of bytes of an image that each damaged file holds."""

TOUCH = {"has_touch": True, "is_mobile": True}

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start the Chromium named in $OSRMAC_BROWSER, an installed one, or Playwright's own."""
    api = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
    executable = os.environ.get("OSRMAC_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    with api.sync_playwright() as playwright:
        try:
            # Containers lack the user namespaces that the sandbox needs, and the pages are trusted.
            started = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        except api.Error as error:
            pytest.skip(f"no browser: install chromium or run playwright install chromium ({error.message[:200]})")
        yield started
        started.close()


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
def columns(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of columns: one with few values, which are listed, and one with many."""
    images = run / "collection" / "images"
    ids = sorted(path.relative_to(images).as_posix() for path in images.rglob("*.jpg"))
    file = tmp_path_factory.mktemp("columns") / "columns.csv"
    with file.open("w", newline="", encoding="utf-8") as opened:
        rows = csv.writer(opened)
        rows.writerow(["id", "subject", "inventory number"])
        rows.writerows([image, image.split("/")[0], f"1926/{number:04d}"] for number, image in enumerate(ids))
    return file


@pytest.fixture(scope="session")
def server(run: Path, columns: Path) -> Iterator[str]:
    """Address of a server of the demo's run, with its overview and near-duplicates."""
    main(["overview", str(run), "--format", "json"])
    main(["duplicates", str(run), "--threshold", "17", "--format", "json"])
    with serving(run, "--columns", str(columns)) as address:
        yield address


@pytest.fixture(scope="session")
def photo(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An edited copy of an image of the run."""
    file = tmp_path_factory.mktemp("photo") / "my photo.jpg"
    with Image.open(run / "collection" / "images" / ORIGINAL) as image:
        ImageEnhance.Brightness(image.convert("RGB")).enhance(1.15).save(file, quality=60)
    return file


@pytest.fixture
def open_page(browser: Browser, server: str) -> Iterator[OpenPage]:
    """Return a function that opens a page; at the end, none may have had a problem."""
    contexts, watches = [], []

    def opened(
        path: str, screen: Screen = SCREENS[0], at: str = server, failing: int | None = None, **options: Any
    ) -> Page:
        context = new_context(browser, screen, **(TOUCH if screen.name == "phone" else {}), **options)
        contexts.append(context)
        watches.append(Watch(context, at, failing))
        page = context.new_page()
        page.goto(at + path)
        page.wait_for_load_state("networkidle")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [problem for watch in watches for problem in watch.problems] == []


@pytest.fixture(scope="session")
def token_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("token") / "token"
    file.write_text(TOKEN)
    return file
