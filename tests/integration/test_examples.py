"""Run the code blocks of the documentation, and compare the results of other tools with those of `osrmac search`."""

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
from tests.documents import PAGES, ROOT, Block
from tests.own_columns import give_columns

pytestmark = pytest.mark.integration

QUERY = "even/08.png"
SUBSTITUTIONS = {
    "2019/harbour-1.jpg": QUERY,
    "2019/harbour-2.jpg": "half08.png",
    "2021/market.jpg": "copy1.png",
    "2021/market-again.jpg": "odd/01.png",
    "osrmac-leverage-348": "osrmac-leverage-32",
    "osrmac-leverage-128": "osrmac-leverage-32",
    "FLOAT[348]": "FLOAT[32]",
    "IVF1024,PQ87x8": "IVF2,PQ8x4",
    "'RUN/": "'pictures-run/",
    "~/pictures-run": "pictures-run",
    "~/scans-run": "pictures-run",
    "oxford-run": "pictures-run",
}
"""Names and numbers of the documentation, and those of the tests' run."""

QUICK = ("duplicates", "info", "paper", "search", "verify")
"""Commands that are fast on the tests' run; `evaluate --benchmark groups` is, too."""

EXTRAS = ("datasets", "lancedb")
OTHERS = ("query.md", "api.md")
"""Pages with tests of their own."""

EXECUTED_PAGES = (PAGES[0], *(page for page in PAGES if page.parent == ROOT / "docs" and page.name not in OTHERS))


def adapt(block: Block) -> Block:
    """Return a code block with the names and numbers of the tests' run."""
    code = block.code
    for documented, actual in SUBSTITUTIONS.items():
        code = code.replace(documented, actual)
    return replace(block, code=code)


def sections() -> dict[str, list[Block]]:
    """Return the code blocks of docs/query.md by heading."""
    by_heading: dict[str, list[Block]] = {}
    for block in documents.blocks(ROOT / "docs" / "query.md"):
        by_heading.setdefault(block.heading, []).append(adapt(block))
    return by_heading


@pytest.fixture
def workspace(run: Run, tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Current folder of the executed code, with a run and the files that the documentation mentions."""
    fit(run.url, ReductionConfig(select=("leverage",), features=(32,), retained_variance=0.8))
    run.set_search_method("osrmac", "osrmac-leverage-32")  # which fit chooses for a large run
    shutil.move(run.url, tmp_path / "pictures-run")
    with Image.open(photos / QUERY) as image:
        image.resize((400, 320)).save(tmp_path / "flyer.jpg")
    (tmp_path / "wanted.txt").write_text(f"{QUERY}\n./flyer.jpg\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def nearest(distance: str) -> list[str]:
    """Return the ids that `osrmac search` finds for the query image, nearest first."""
    options = SearchConfig(method="osrmac-leverage-32", distance=distance)  # type: ignore[arg-type]
    (result,) = search("pictures-run", [QUERY], options)
    return [match.id for match in result.matches]


def without_copies(names: list[str]) -> list[str]:
    """Name copies like their originals, because most tools do not break ties between equal images by id."""
    return [re.sub(r"^copy(\d)\.png$", r"0\1.png", name).rpartition("/")[2] for name in names]


def rows(query: str) -> list[tuple[Any, ...]]:
    fetched: list[tuple[Any, ...]] = duckdb.execute(query).fetchall()
    return fetched


def execute(block: Block, namespace: dict[str, Any]) -> None:
    """Run a code block, and compare its result with that of `osrmac search` or of the summary of failures."""
    if block.language == "console":
        for arguments in documents.osrmac_commands(block):
            main(arguments)
    elif block.special == "columns":
        give_columns(Run("pictures-run"), {"title": {QUERY: "The harbour at noon"}})
        assert [row[:2] for row in rows(block.code)] == [(QUERY, "The harbour at noon")]
    elif block.special == "failures":
        kinds = summary(Run("pictures-run"))[1]
        assert sorted(rows(block.code)) == sorted((kind.stage, kind.reason, kind.count) for kind in kinds)
    elif block.language == "sql":
        assert [row[0] for row in rows(block.code)] == nearest(block.special or "l1")
    else:
        exec(compile(block.code, str(block), "exec"), namespace)
        actual, expected = namespace["nearest"], nearest(namespace.get("distance", "l1"))
        if block.special == "approximate":
            assert len(set(actual) & set(expected)) >= 5
        else:
            assert without_copies(actual) == without_copies(expected)


@pytest.mark.parametrize("heading", sections())
def test_every_tool_finds_what_osrmac_search_finds(heading: str, workspace: Path) -> None:
    blocks = [block for block in sections()[heading] if block.special != "bucket"]
    assert blocks
    for name in EXTRAS:
        if any(re.search(rf"^(import|from) {name}\b", block.code, re.MULTILINE) for block in blocks):
            pytest.importorskip(name, reason=f"{name} is an extra that is not installed")
    namespace: dict[str, Any] = {}
    for block in blocks:
        execute(block, namespace)


def test_duckdb_queries_a_run_in_a_bucket(workspace: Path, bucket: str) -> None:
    s3fs.S3FileSystem().put("pictures-run", "archive/run", recursive=True)
    (block,) = (block for blocks in sections().values() for block in blocks if block.special == "bucket")
    try:
        execute(block, {})
    finally:
        duckdb.unregister_filesystem("s3")


def test_the_sql_of_the_readme_finds_what_osrmac_search_finds(workspace: Path) -> None:
    first, second = (adapt(block).code for block in documents.blocks(PAGES[0]) if block.language == "sql")
    assert [row[0] for row in rows(first)] == nearest("l1")
    assert len(rows(second)) == 3


@pytest.mark.parametrize(
    "page",
    [page for page in EXECUTED_PAGES if any(b.language == "python" for b in documents.blocks(page))],
    ids=documents.name,
)
def test_the_python_of_a_page_runs(page: Path, workspace: Path) -> None:
    """Run all blocks of a page in one namespace, from top to bottom."""
    namespace: dict[str, Any] = {}
    for block in documents.blocks(page):
        if block.language == "python":
            exec(compile(adapt(block).code, str(block), "exec"), namespace)


def _is_quick(arguments: list[str]) -> bool:
    """Whether a command is fast and works on the run of the tests."""
    quick = arguments[0] in QUICK or (arguments[0] == "evaluate" and "groups" in arguments)
    return quick and "pictures-run" in arguments


def test_the_commands_of_all_pages_run(workspace: Path, oxford: str, capsys: pytest.CaptureFixture[str]) -> None:
    scored_by_paper = EvaluationConfig(benchmark="oxford5k", ground_truth=oxford, queries=("whole",), subset=True)
    evaluate("pictures-run", scored_by_paper)  # for `osrmac paper`
    executed: list[list[str]] = []
    for block in (adapt(block) for page in EXECUTED_PAGES for block in documents.blocks(page)):
        if "id,group\n" in block.code:
            lines = block.code.partition("id,group\n")[2].splitlines()
            (workspace / "groups.csv").write_text("\n".join(["id,group", *(line for line in lines if "," in line)]))
        for arguments in documents.osrmac_commands(block):
            if _is_quick(arguments) and arguments not in executed:
                main([str(workspace / word) if word == "pictures-run" else word for word in arguments])
                output = capsys.readouterr().out
                assert output or "--table" in arguments  # many results are not printed
                if "json" in arguments:
                    assert all(json.loads(line) for line in output.splitlines())
                executed.append(arguments)
    assert {arguments[0] for arguments in executed} == {*QUICK, "evaluate"}
    assert {"flyer.html", "duplicates.html"} <= {file.name for file in workspace.iterdir()}


def test_the_sql_of_all_pages_runs(workspace: Path) -> None:
    blocks = [block for page in EXECUTED_PAGES[1:] for block in documents.blocks(page) if block.language == "sql"]
    assert blocks
    assert all(rows(adapt(block).code) for block in blocks)
