"""What the documentation says about other tools, run as it stands there against one run and `osrmac search`."""

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
import s3fs

from osrmac.cli import main
from osrmac.config import SearchConfig, SelectionConfig
from osrmac.pipeline.failures import summary
from osrmac.pipeline.fit import fit
from osrmac.pipeline.search import search
from osrmac.storage.run import Run

from .test_s3 import bucket  # noqa: F401

Block = tuple[str, str, str]
"""The language, what is special about it, and the code."""

ROOT = Path(__file__).parents[2]
QUERY = "even/08.png"
OWN = {
    "2019/harbour-1.jpg": QUERY,
    "osrmac-pfa-348": "osrmac-pfa-32",
    "FLOAT[348]": "FLOAT[32]",
    "IVF1024,PQ87x8": "IVF2,PQ8x4",
    "'RUN/": "'pictures-run/",
}
"""What the tests' run has in place of what is written."""

EXTRAS = ("datasets", "faiss", "lancedb")
_FENCE = re.compile(r"^```(\w+) ?(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> list[Block]:
    for old, new in OWN.items():
        text = text.replace(old, new)
    found: list[Block] = _FENCE.findall(text)
    return found


def sections() -> dict[str, list[Block]]:
    """The blocks of code of docs/query.md by heading."""
    parts = re.split(r"^#+ ", (ROOT / "docs" / "query.md").read_text(), flags=re.MULTILINE)[1:]
    return {part.partition("\n")[0]: blocks(part) for part in parts}


@pytest.fixture
def here(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a run in it, where the code runs."""
    fit(run.url, SelectionConfig(features=(32,), retained_variance=0.8))
    shutil.move(run.url, tmp_path / "pictures-run")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def nearest(distance: str) -> list[str]:
    options = SearchConfig(system="osrmac-pfa-32", distance=distance)  # type: ignore[arg-type]
    (found,) = search("pictures-run", [QUERY], options)
    return [match.id for match in found.matches]


def with_copies_as_one(names: list[str]) -> list[str]:
    """An order that does not say which of two equal images comes first: most tools do not break ties by id."""
    return [re.sub(r"^copy(\d)\.png$", r"0\1.png", name).rpartition("/")[2] for name in names]


def rows(query: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = duckdb.execute(query).fetchall()
    return found


def carry_out(language: str, special: str, code: str, namespace: dict[str, Any]) -> None:
    """Run a block, and compare what it finds with a search."""
    if language == "console":
        main(shlex.split(code.removeprefix("$ osrmac ")))
    elif special == "failures":
        kinds = summary(Run("pictures-run"))[1]
        assert sorted(rows(code)) == sorted((kind.stage, kind.reason, kind.count) for kind in kinds)
    elif language == "sql":
        assert [row[0] for row in rows(code)] == nearest(special or "l1")
    else:
        exec(compile(code, "docs/query.md", "exec"), namespace)
        found, wanted = namespace["nearest"], nearest(namespace.get("distance", "l1"))
        if special == "approximate":
            assert len(set(found) & set(wanted)) >= 5
        else:
            assert with_copies_as_one(found) == with_copies_as_one(wanted)


@pytest.mark.parametrize("heading", sections())
def test_a_recipe_finds_what_a_search_finds(heading: str, here: Path) -> None:
    given = [block for block in sections()[heading] if block[1] != "bucket"]
    assert given
    for name in EXTRAS:
        if any(re.search(rf"^(import|from) {name}\b", code, re.MULTILINE) for _, _, code in given):
            pytest.importorskip(name, reason=f"{name} is an extra that is not installed")
    namespace: dict[str, Any] = {}
    for block in given:
        carry_out(*block, namespace)


def test_a_run_in_a_bucket_is_asked_where_it_is(here: Path, bucket: str) -> None:  # noqa: F811
    s3fs.S3FileSystem().put("pictures-run", "archive/run", recursive=True)
    (block,) = (block for given in sections().values() for block in given if block[1] == "bucket")
    try:
        carry_out(*block, {})
    finally:
        duckdb.unregister_filesystem("s3")


def test_the_readme_asks_duckdb(here: Path) -> None:
    first, second = (code for language, _, code in blocks((ROOT / "README.md").read_text()) if language == "sql")
    assert [row[0] for row in rows(first)] == nearest("l1")
    assert len(rows(second)) == 3
