"""A browser without a window, which is skipped where there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

KNOWN = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The Chromium named in $OSRMAC_BROWSER, or any that is installed, or Playwright's own."""
    api = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
    found = os.environ.get("OSRMAC_BROWSER") or next(filter(None, map(shutil.which, KNOWN)), None)
    with api.sync_playwright() as playwright:
        try:
            # A container has no user namespaces to build the sandbox from; these pages are the tests' own.
            started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except api.Error as error:
            pytest.skip(f"no browser: install chromium or run playwright install chromium ({error.message[:200]})")
        yield started
        started.close()
