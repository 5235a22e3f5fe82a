"""A headless browser; tests that need it are skipped where there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

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
