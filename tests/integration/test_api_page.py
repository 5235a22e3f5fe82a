"""Run the code of docs/api.md in order, as a reader would, on a tiny collection."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from osrmac.descriptor.recipes import RECIPES
from tests import documents

pytestmark = pytest.mark.integration

PAGE = documents.ROOT / "docs" / "api.md"
QUERY = "even/08.png"


@pytest.fixture
def collection(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Working directory with the files that the page uses; recipes that it registers are removed."""
    shutil.copytree(photos / "even", tmp_path / "photos" / "even")
    for name in ("half08.png", "page.jpg"):
        shutil.copy(photos / name, tmp_path / "photos")
    shutil.copy(photos / QUERY, tmp_path / "flyer.jpg")
    (tmp_path / "groups.csv").write_text(f"id,group\n{QUERY},tower\nhalf08.png,tower\n")
    monkeypatch.chdir(tmp_path)
    built_in = dict(RECIPES)
    yield tmp_path
    for name in RECIPES.keys() - built_in.keys():
        del RECIPES[name]


def test_the_code_of_the_api_page_runs_in_order(collection: Path) -> None:
    blocks = [block for block in documents.blocks(PAGE) if block.language == "python"]
    assert len(blocks) > 5
    namespace: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block.code, str(block), "exec"), namespace)
    counts = json.loads((collection / "small-run" / "run.json").read_text())["counts"]
    assert counts == {"planned": 12, "ok": 11, "failed": 1}
