"""Output of a search with many queries: tables and JSON Lines, written while the search runs."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from osrmac.cli import files, main
from osrmac.cli.arguments import Output
from osrmac.cli.search_batch import write_batch
from osrmac.commands.search import ResultStream, search
from osrmac.config import SearchConfig
from osrmac.errors import StorageError
from osrmac.storage.run import Run
from osrmac.types import Match, QueryResult
from tests.tiny_run import tiny_run

VECTORS = {f"{number}.jpg": [float(number * number)] for number in range(6)}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return tiny_run(tmp_path / "run", {"single": VECTORS}, failed={"broken.jpg": ("decode", "empty")})


@pytest.fixture
def listed(tmp_path: Path) -> str:
    file = tmp_path / "queries.txt"
    file.write_text("1.jpg\nbroken.jpg\n5.jpg\n")
    return str(file)


def expected_rows(run: Run, listed: str) -> list[dict[str, Any]]:
    return [
        {
            "query": query.query,
            **{name: getattr(match, name, None) for name in ("rank", "id", "uri", "distance", "tied")},
            "error": query.error,
        }
        for query in search(run.url, [], SearchConfig(top=2, queries_from=listed))
        for match in (query.matches or [None])
    ]


@pytest.mark.parametrize("rows", [100_000, 1])
def test_a_batch_is_written_as_parquet(
    run: Run,
    listed: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    rows: int,
) -> None:
    monkeypatch.setattr(files, "_ROWS", rows)
    file = tmp_path / "found.parquet"
    main(["search", run.url, "--queries-from", listed, "--top", "2", "--table", str(file)])
    expected = expected_rows(run, listed)
    assert [row["rank"] for row in expected] == [1, 2, None, 1, 2]
    assert pq.read_table(file).to_pylist() == expected
    query = f"select query, id, distance, error from '{file}' where error is null order by query, rank"
    assert duckdb.execute(query).fetchall() == [
        (row["query"], row["id"], row["distance"], None) for row in expected if row["error"] is None
    ]
    shown = capsys.readouterr()
    assert shown.out == ""
    notes = shown.err.splitlines()
    assert notes[0] == f"list in {file}"
    assert notes[1] == "3 queries, compared by single: all images compared"
    assert notes[2].startswith("1 of them failed, first broken.jpg: broken.jpg has no descriptor")
    assert run.copies()[str(file)].items() >= {"kind": "list", "images": 4, "method": "single"}.items()


def test_a_batch_is_written_as_csv_and_as_json_lines(
    run: Run, listed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "found.csv"
    command = ["search", run.url, "--queries-from", listed, "--top", "2", "--format", "json", "--table", str(file)]
    main(command)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert [line["query"] for line in lines] == [row["query"] for row in rows]
    assert [line.get("id", "") for line in lines] == [row["id"] for row in rows]
    assert lines[2] == {"query": "broken.jpg", "error": rows[2]["error"]}


def test_scores_of_re_ranking_have_a_column(run: Run, listed: str, tmp_path: Path) -> None:
    file = tmp_path / "found.parquet"
    main(["search", run.url, "--queries-from", listed, "--rerank", "superglobal", "--table", str(file)])
    assert pq.read_schema(file).names == ["query", "rank", "id", "uri", "distance", "tied", "score", "error"]


def test_a_search_that_fails_leaves_the_earlier_table(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "found.parquet"
    file.write_bytes(b"earlier")

    def results() -> Iterator[QueryResult]:
        yield QueryResult("1.jpg", (Match("1.jpg", 1, 0.0),))
        assert sorted(path.name.startswith(".found.parquet") for path in tmp_path.glob("*found*")) == [False, True]
        raise StorageError("a shard is lost")

    stream = ResultStream("single", "l1", {}, "all images compared", False, {}, results())
    with pytest.raises(StorageError, match="a shard is lost"):
        write_batch(stream, run.url, file, Output())
    assert file.read_bytes() == b"earlier"
    assert [path.name for path in tmp_path.glob("*found*")] == ["found.parquet"]
    assert not run.copies()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "not printed: add --table FILE.parquet, or --format json"),
        (["--table", "found.xlsx"], "too long for found.xlsx: write .parquet or .csv"),
        (["--table", "found.csv", "--html", "sheet.html"], "--html shows the results of queries given as QUERY"),
    ],
)
def test_results_of_a_batch_go_where_many_can_be(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["search", "nowhere", "--query-run", "other", *options])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
