"""What commands print, through a pipe and in a terminal."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from osrmac.cli import main
from osrmac.commands.duplicates import duplicates
from osrmac.commands.search import search
from osrmac.config import DuplicatesConfig, SearchConfig
from osrmac.storage import shards
from osrmac.storage.run import Run
from tests.pages.html import parse


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
    page = parse(sheet.read_text())
    assert "query, box 0 0 70 120" in page.texts
    sources = [given["src"] for tag, given in page.tags if tag == "img"]
    assert len(sources) == 11
    assert sources[0] not in sources[1:]  # the query has a frame, its match has none
    removed = photos / "even" / "08.png"
    removed.rename(tmp_path / "aside.png")
    try:
        main(["search", "--run", run.url, "--html", str(sheet), "even/08.png"])
    finally:
        (tmp_path / "aside.png").rename(removed)
    page = parse(sheet.read_text())
    assert "".join(page.texts).count("cannot be shown") == 2
    assert len([tag for tag, _ in page.tags if tag == "img"]) == 9


def test_duplicates_are_rows_and_a_sheet(
    finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = tmp_path / "sheet.html"
    main(["duplicates", finished.url, "--method", "single", "--threshold", "0", "--html", str(sheet)])
    shown = capsys.readouterr()
    found = duplicates(finished.url, DuplicatesConfig(0, "single"))
    assert [(row["group"], row["id"]) for row in lines(shown.out)] == [
        (number, image.id) for number, group in enumerate(found.groups, 1) for image in group
    ]
    assert shown.err.endswith("10 images in 5 groups, compared by single: l1 up to 0, as given\n")
    page = parse(sheet.read_text())
    assert len([tag for tag, _ in page.tags if tag == "section"]) == 5
    assert len([tag for tag, _ in page.tags if tag == "img"]) == 10
    assert "copy3.png" in page.texts

    monkeypatch.setattr("osrmac.pages.contact_sheet._MAX_GROUPS", 2)
    main(["duplicates", finished.url, "--method", "single", "--threshold", "0", "--html", str(sheet)])
    page = parse(sheet.read_text())
    assert len([tag for tag, _ in page.tags if tag == "section"]) == 2
    assert "5, the first 2 of them shown" in page.texts


def test_duplicates_in_a_terminal_are_a_table(
    finished: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_a_terminal(monkeypatch)
    main(["duplicates", finished.url, "--method", "single", "--threshold", "0"])
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


WHOLE = ("--benchmark", "oxford5k", "--queries", "whole", "--subset", "--ground-truth")


def test_scores_are_json_through_a_pipe_and_tables_in_a_terminal(
    run: Run, oxford: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = ["evaluate", "--run", run.url, *WHOLE, oxford]
    main(scored)
    (scores,) = lines(capsys.readouterr().out)
    assert scores["benchmark"] == "oxford5k"
    assert {score["system"] for score in scores["scores"]} >= {"single", "osrmac+cam"}
    main(["tables", run.url])
    (table,) = lines(capsys.readouterr().out)
    assert "oxford5k" in json.dumps(table)
    in_a_terminal(monkeypatch)
    main(scored)
    main(["tables", run.url])
    assert "descriptor" in capsys.readouterr().out
    main([*scored, "--json"])
    assert lines(capsys.readouterr().out) == [scores]


def test_a_run_through_a_pipe_gives_data_and_says_the_rest_aside(
    run: Run, photos: Path, oxford: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    described = ["--backbone", "resnet18", "--weights", "random:0", "--image-sizes", "96", "64", "48"]
    recipes = ["--recipes", "single", "early", "osrmac", "osrmac_local"]
    everything = [str(photos), "--run", run.url, *described, *recipes]
    for command in (
        ["extract", *everything],
        ["run", *everything, "--features", "32", "--retained-variance", "0.8", *WHOLE, oxford],
    ):
        main(command)
        shown = capsys.readouterr()
        (found,) = lines(shown.out)
        assert (found["described"], found["failed"], found["new"]) == (26, 3, 0)
        assert sum(kind["count"] for kind in found["failures"]) == 3
        assert found["changes"] == {"new": 0, "changed": 0, "gone": 0}
        assert ("evaluation" in found) == (command[0] == "run")
        assert f"26 images described, 3 failed, 0 of them now: {run.url}\n" in shown.err
    assert shown.err.endswith(f"outputs in {run.url}; look at them in {run.url}/report.html\n")

    in_a_terminal(monkeypatch)
    main(command)
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "26 images described" in shown.out
    assert "osrmac + PFA" in shown.out
    main(["extract", *everything, "--profile"])
    assert "Time of the command" in capsys.readouterr().out


def test_what_is_fitted_weighed_tried_and_exported_is_json(
    run: Run,
    oxford: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fitted = ["fit", "--run", run.url, "--recipe", "osrmac", "--features", "32", "--retained-variance", "0.8"]
    weighed = ["weigh", "--run", run.url, "--recipe", "osrmac", "--layer-weights", "1", "0.5"]
    tried = ["sweep", "--run", run.url, "--sizes", "16", "--seeds", "1", *WHOLE, oxford]
    main(fitted)
    found = lines(capsys.readouterr().out)
    assert [(each["name"], each["dimension"], each["samples"]) for each in found] == [
        (f"osrmac-{method}-32", 32, 26) for method in ("pfa", "random", "variance")
    ]
    main(weighed)
    (found_weights,) = lines(capsys.readouterr().out)
    assert found_weights["weights"] == [1.0, 0.5]
    main(tried)
    (swept,) = lines(capsys.readouterr().out)
    assert {point["method"] for point in swept["points"]} >= {"pfa", "random", "variance"}
    main(["export", str(tmp_path / "npy"), "--run", run.url, "--to", "npy"])
    assert lines(capsys.readouterr().out) == [{"system": "osrmac-pfa-32", "images": 26, "dimension": 32}]

    in_a_terminal(monkeypatch)
    for command, said in ((fitted, "osrmac-pfa-32: 32 of 768"), (weighed, "osrmac-weights: 1 0.5"), (tried, "scores")):
        main(command)
        shown = capsys.readouterr().out
        assert said in shown
        assert "{" not in shown


def test_what_is_wrong_with_a_run_is_json_through_a_pipe_and_lines_in_a_terminal(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_a_terminal(monkeypatch)
    main(["verify", run.url])
    assert capsys.readouterr() == (f"{run.url} is whole\n", "")
    Path(shards.paths(run.descriptors)[0]).unlink()
    for given in ([], ["--json"]):
        with pytest.raises(SystemExit):
            main(["verify", run.url, *given])
        assert capsys.readouterr().out.startswith('{"problem": "1' if given else "1 planned images")
