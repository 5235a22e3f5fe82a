"""What commands print, through a pipe and in a terminal."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from osrmac.cli import main
from osrmac.config import DuplicatesConfig, SearchConfig
from osrmac.pipeline.duplicates import duplicates
from osrmac.pipeline.search import search
from osrmac.storage.run import Run
from tests.retrieval.test_sheet import Parsed


def in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what commands print go to a terminal, as far as they can tell. No fixture: stdout is another one by then."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_search_through_a_pipe_is_a_line_of_json_a_match(finished: Run, capsys: pytest.CaptureFixture[str]) -> None:
    main(["search", "--run", finished.url, "--top", "3", "copy1.png", "even/08.png"])
    shown = capsys.readouterr()
    assert shown.err == ""
    found = search(finished.url, ["copy1.png", "even/08.png"], SearchConfig(top=3))
    assert [(row["query"], row["rank"], row["id"], row["uri"]) for row in lines(shown.out)] == [
        (each.query, match.rank, match.id, match.uri) for each in found for match in each.matches
    ]


def test_a_search_in_a_terminal_is_a_table_unless_json_is_asked_for(
    finished: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_a_terminal(monkeypatch)
    main(["search", "--run", finished.url, "copy1.png"])
    shown = capsys.readouterr().out
    assert "odd/01.png" in shown
    assert "compared by osrmac+cam" in shown
    assert "uri" not in shown
    main(["search", "--run", finished.url, "--top", "1", "--json", "copy1.png"])
    assert lines(capsys.readouterr().out)[0]["id"] == "copy1.png"


def test_a_box_is_drawn_on_the_sheet_and_what_is_gone_cannot_be_shown(
    run: Run, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "sheet.html"
    main(["search", "--run", run.url, "--box", "0", "0", "70", "120", "--html", str(sheet), "even/08.png"])
    assert capsys.readouterr().err == f"contact sheet in {sheet}\n"
    page = Parsed(sheet.read_text())
    assert "query, 0 0 70 120" in page.texts
    sources = [given["src"] for tag, given in page.tags if tag == "img"]
    assert len(sources) == 11
    assert sources[0] not in sources[1:]  # the query has a frame, its match has none
    gone = photos / "even" / "08.png"
    content = gone.read_bytes()
    try:
        gone.unlink()
        main(["search", "--run", run.url, "--html", str(sheet), "even/08.png"])
    finally:
        gone.write_bytes(content)
    page = Parsed(sheet.read_text())
    assert "".join(page.texts).count("cannot be shown") == 2
    assert len([tag for tag, _ in page.tags if tag == "img"]) == 9


def test_duplicates_are_rows_and_a_sheet(
    finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = tmp_path / "sheet.html"
    main(["duplicates", finished.url, "--system", "single", "--threshold", "0", "--html", str(sheet)])
    shown = capsys.readouterr()
    found = duplicates(finished.url, DuplicatesConfig(0, "single"))
    assert [(row["group"], row["id"]) for row in lines(shown.out)] == [
        (number, image.id) for number, group in enumerate(found.groups, 1) for image in group
    ]
    assert shown.err.endswith("10 images in 5 groups, compared by single: l1 up to 0, as given\n")
    page = Parsed(sheet.read_text())
    assert len([tag for tag, _ in page.tags if tag == "section"]) == 5
    assert len([tag for tag, _ in page.tags if tag == "img"]) == 10
    assert "copy3.png" in page.texts

    monkeypatch.setattr("osrmac.pipeline.sheets._GROUPS", 2)
    main(["duplicates", finished.url, "--system", "single", "--threshold", "0", "--html", str(sheet)])
    page = Parsed(sheet.read_text())
    assert len([tag for tag, _ in page.tags if tag == "section"]) == 2
    assert "5, of which the first 2 are shown" in page.texts


def test_duplicates_in_a_terminal_are_a_table(
    finished: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_a_terminal(monkeypatch)
    main(["duplicates", finished.url, "--system", "single", "--threshold", "0"])
    shown = capsys.readouterr().out
    assert "111 x 120" in shown
    assert "10 images in 5 groups" in shown


def test_info_is_json_through_a_pipe_and_tables_in_a_terminal(
    finished: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["info", finished.url])
    (found,) = lines(capsys.readouterr().out)
    assert found["counts"] == {"planned": 29, "described": 26, "failed": 3}
    in_a_terminal(monkeypatch)
    main(["info", finished.url])
    assert "Descriptors" in capsys.readouterr().out


def test_scores_are_json_when_asked_for(run: Run, oxford: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--benchmark", "oxford5k", "--ground-truth", oxford, "--queries", "whole", "--subset", "--json"]
    main(["evaluate", "--run", run.url, *given])
    (scores,) = lines(capsys.readouterr().out)
    assert scores["benchmark"] == "oxford5k"
    assert {score["system"] for score in scores["scores"]} >= {"single", "osrmac+cam"}
    main(["tables", run.url, "--json"])
    (table,) = lines(capsys.readouterr().out)
    assert "oxford5k" in json.dumps(table)
