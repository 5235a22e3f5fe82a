"""Output of the commands: tables by default, JSON Lines with `--format json`."""

import csv
import json
import re
import shutil
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

WHOLE = ("--benchmark", "oxford5k", "--queries", "whole", "--subset", "--ground-truth")


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def json_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    """Return the JSON output of a command."""
    main([*arguments, "--format", "json"])
    return lines(capsys.readouterr().out)


def text_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the output of a command without `--format`."""
    main(list(arguments))
    return capsys.readouterr().out


def test_search(finished: Run, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("search", finished.url, "--top", "3", "copy1.png", "even/08.png")
    found = search(finished.url, ["copy1.png", "even/08.png"], SearchConfig(top=3))
    rows = json_of(capsys, *command)
    assert [(row["query"], row["rank"], row["id"], row["uri"], row["tied"]) for row in rows] == [
        (result.query, match.rank, match.id, match.uri, match.tied) for result in found for match in result.matches
    ]
    # copy1.png is a copy of odd/01.png, and the third, copy2.png, of the fourth, even/02.png.
    assert [row["tied"] for row in rows] == [True, True, True, False, False, False]
    shown = text_of(capsys, *command)
    assert re.findall(r"(\d) +│ +0\.0000 │ (.{4}) │ (\S+)", shown) == [
        ("1", "=   ", "copy1.png"),
        ("2", "=   ", "odd/01.png"),
        ("1", "    ", "even/08.png"),
    ]
    assert "compared by osrmac+cam" in shown
    assert "uri" not in shown
    assert "box" not in shown
    assert {row["box"] for row in rows} == {None}


def test_a_search_writes_a_table(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "found.csv"
    rows = json_of(capsys, "search", run.url, "--top", "3", "copy1.png", "--table", str(file))
    written = list(csv.DictReader(file.read_text().splitlines()))
    assert [(row["query"], row["rank"], row["id"], row["uri"]) for row in written] == [
        (row["query"], str(row["rank"]), row["id"], row["uri"]) for row in rows
    ]
    assert [float(row["distance"]) for row in written] == [row["distance"] for row in rows]
    assert run.copies()[str(file)].items() >= {"kind": "list", "images": 3}.items()


def test_a_search_that_re_ranks_says_so(finished: Run, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("search", finished.url, "--top", "4", "--rerank", "superglobal", "--rerank-top", "3", "even/08.png")
    rows = json_of(capsys, *command)
    assert [row["score"] is None for row in rows] == [False, False, False, True]
    shown = text_of(capsys, *command)
    assert "re-ranking: superglobal, 3 nearest, K 9, beta 0.15" in " ".join(shown.split())
    assert f"{rows[0]['score']:.4f} │ " in shown


def test_rankings_are_not_refined(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["evaluate", "--rankings", str(tmp_path), "--query-expansion", "3", "--rerank", "superglobal"])
    assert caught.value.code == 2
    assert "as they are, without query expansion and re-ranking" in capsys.readouterr().err


def test_a_contact_sheet_shows_the_box_and_says_which_images_are_missing(
    run: Run, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "sheet.html"
    main(["search", run.url, "even/08.png", "--box", "0", "0", "70", "120", "--html", str(sheet)])
    assert capsys.readouterr().err == f"contact sheet in {sheet}\n"
    assert run.copies()[str(sheet)]["images"] == 10
    page = parse(sheet.read_text())
    assert any(text.startswith("box 0 0 70 120") for text in page.texts)
    # The box is drawn on the query, alone and beside each of the results.
    results = [name for name in page.values("div", "id") if name and name.startswith("large-")]
    assert page.values("rect", "class").count("box") == 1 + len(results)
    assert len(page.values("image", "href")) > 1
    removed = photos / "even" / "08.png"
    removed.rename(tmp_path / "aside.png")
    try:
        main(["search", run.url, "even/08.png", "--html", str(sheet)])
    finally:
        (tmp_path / "aside.png").rename(removed)
    page = parse(sheet.read_text())
    assert "".join(page.texts).count("cannot be shown") == 10  # the query, alone and beside the nine others


def test_duplicates(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = tmp_path / "sheet.html"
    command = ["duplicates", run.url, "--method", "single", "--threshold", "0"]
    plan = tmp_path / "plan.csv"
    main([*command, "--html", str(sheet), "--csv", str(plan), "--format", "json"])
    shown = capsys.readouterr()
    found = duplicates(run.url, DuplicatesConfig(threshold=0, method="single"))
    assert [(row["group"], row["id"]) for row in lines(shown.out)] == [
        (number, image.id) for number, group in enumerate(found.groups, 1) for image in group
    ]
    assert shown.err.endswith("10 images in 5 groups, 5 of them to remove; compared by single: l1 up to 0, as given\n")
    rows = list(csv.DictReader(plan.read_text().splitlines()))
    assert [(int(row["group"]), row["id"], row["action"]) for row in rows] == [
        (number, image.id, action)
        for number, group in enumerate(found.groups, 1)
        for image, action in zip(group, ("keep", "remove"), strict=True)
    ]
    assert {row["uri"] for row in rows} == {image.uri for group in found.groups for image in group}
    assert int(rows[0]["size"]) == Path(rows[0]["uri"]).stat().st_size
    assert run.copies()[str(sheet)].items() >= {"kind": "contact sheet", "method": "single", "images": 10}.items()
    assert run.copies()[str(plan)].items() >= {"kind": "list", "method": "single", "images": 10}.items()
    page = parse(sheet.read_text())
    assert len([tag for tag, _ in page.tags if tag == "section"]) == 5
    assert len(page.values("image", "href")) == 10  # each pair of copies, and their difference
    assert "copy3.png" in page.texts

    monkeypatch.setattr("osrmac.pages.duplicates_sheet._MAX_PAIRS", 2)
    text = text_of(capsys, *command, "--html", str(sheet))
    assert "111 x 120" in text
    assert "keep" in text
    assert "10 images in 5 groups" in text
    page = parse(sheet.read_text())
    assert len([tag for tag, _ in page.tags if tag == "section"]) == 2
    assert "5, 2 of them shown" in page.texts


def test_info(finished: Run, capsys: pytest.CaptureFixture[str]) -> None:
    (summary,) = json_of(capsys, "info", finished.url)
    assert summary["counts"] == {"planned": 29, "described": 26, "failed": 3}
    assert "Descriptors" in text_of(capsys, "info", finished.url)


def test_evaluate_and_paper(run: Run, oxford: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("evaluate", run.url, *WHOLE, oxford)
    (scores,) = json_of(capsys, *command)
    assert scores["benchmark"] == "oxford5k"
    assert {score["system"] for score in scores["scores"]} >= {"single", "osrmac+cam"}
    (table,) = json_of(capsys, "paper", run.url)
    assert table["benchmark"] == "oxford5k"
    assert "descriptor" in text_of(capsys, *command)
    assert "paper (ResNet50)" in text_of(capsys, "paper", run.url)

    rankings = tmp_path / "theirs"
    rankings.mkdir()
    (rankings / "tower_1.txt").write_text("half08\n")
    (scores,) = json_of(capsys, "evaluate", run.url, "--rankings", str(rankings), *WHOLE, oxford)
    assert [score["values"]["mAP"] for score in scores["scores"]] == [100.0]
    assert run.evaluation("oxford5k-theirs", ".json").exists()
    per_query = tmp_path / "queries.csv"
    tables = ("--per-query", str(per_query), "--table", str(tmp_path / "scores.csv"))
    theirs = ("evaluate", "--rankings", str(rankings), *tables, *WHOLE, oxford)
    assert "theirs" in text_of(capsys, *theirs)
    assert per_query.read_text().splitlines()[1:] == ["theirs,whole,tower_1,100.0,1"]
    (row,) = csv.DictReader((tmp_path / "scores.csv").read_text().splitlines())
    assert row.items() >= {"system": "theirs", "mode": "whole", "mAP": "100.0", "coverage": "rankings as given"}.items()

    compared = ("compare", run.url, "--benchmark", "oxford5k", "--baseline", "single")
    (comparison,) = json_of(capsys, *compared)
    assert comparison["baseline"] == {"run": "run", "system": "single"}
    assert {score["system"] for score in comparison["scores"]} >= {"single", "osrmac+cam"}
    figure, differences = tmp_path / "figure.svg", tmp_path / "differences.csv"
    shown = text_of(capsys, *compared, "--figure", str(figure), "--table", str(differences))
    assert "baseline" in shown
    assert shown.endswith(f"figure in {figure}\n")
    assert figure.read_text().startswith("<svg")
    rows = list(csv.DictReader(differences.read_text().splitlines()))
    assert [row["system"] for row in rows if row["verdict"] == "baseline"] == ["single"]


def test_extract_and_run(run: Run, photos: Path, oxford: str, capsys: pytest.CaptureFixture[str]) -> None:
    described = ["--backbone", "resnet18", "--weights", "random:0", "--image-sizes", "96", "64", "48"]
    arguments = [str(photos), run.url, *described, "--recipes", "single", "early", "osrmac", "osrmac_local"]
    whole_run = ["run", *arguments, "--features", "32", "--retained-variance", "0.8", *WHOLE, oxford]
    for command in (["extract", *arguments], whole_run):
        main([*command, "--format", "json"])
        shown = capsys.readouterr()
        (found,) = lines(shown.out)
        assert (found["run"], found["described"], found["failed"], found["new"]) == (run.url, 26, 3, 0)
        assert sum(kind["count"] for kind in found["failures"]) == 3
        assert found["changes"] == {"new": 0, "changed": 0, "moved": 0, "relabelled": 0, "gone": 0, "pruned": 0}
        assert ("evaluation" in found) == (command[0] == "run")
        assert f"26 images described, 3 failed, 0 of them now: {run.url}\n" in shown.err
    assert shown.err.endswith(f"report in {run.url}/report.html\n")

    main(whole_run)
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "26 images described" in shown.out
    assert "osrmac + PFA" in shown.out
    assert "Time of the command" in text_of(capsys, "extract", *arguments, "--profile")


def test_fit_fit_weights_sweep_and_export(
    run: Run, oxford: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit = ("fit", run.url, "--recipe", "osrmac", "--features", "32", "--retained-variance", "0.8")
    fit_weights = ("fit-weights", run.url, "--recipe", "osrmac", "--layer-weights", "1", "0.5")
    sweep = ("sweep", run.url, "--sizes", "16", "--seeds", "1", *WHOLE, oxford)
    reductions = json_of(capsys, *fit)
    assert [(reduction["name"], reduction["dimension"], reduction["samples"]) for reduction in reductions] == [
        (f"osrmac-{method}-32", 32, 26) for method in ("leverage", "pfa", "random", "variance")
    ]
    (weighting,) = json_of(capsys, *fit_weights)
    assert weighting["weights"] == [1.0, 0.5]
    (swept,) = json_of(capsys, *sweep)
    assert {point["method"] for point in swept["points"]} >= {"leverage", "pfa", "random", "variance"}
    export = ("export", run.url, str(tmp_path / "npy"), "--to", "npy", "--method", "osrmac-pfa-32")
    exported = json_of(capsys, *export)
    assert exported == [{"system": "osrmac-pfa-32", "images": 26, "dimension": 32}]

    for command, text in ((fit, "osrmac-pfa-32"), (fit_weights, "osrmac-weights: 1 0.5"), (sweep, "scores in")):
        shown = text_of(capsys, *command)
        assert text in shown
        assert "{" not in shown
    shutil.rmtree(tmp_path / "npy")
    assert "26 vectors of 32 dimensions" in text_of(capsys, *export)


def test_verify(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert text_of(capsys, "verify", run.url) == f"{run.url} has no problems\n"
    Path(shards.paths(run.descriptors)[0]).unlink()
    for options, start in (([], "1 planned images"), (["--format", "json"], '{"problem": "1 planned')):
        with pytest.raises(SystemExit) as stopped:
            main(["verify", run.url, *options])
        assert stopped.value.code == 1
        assert capsys.readouterr().out.startswith(start)


def test_prune(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "list.txt").write_text("even/08.png\ncopy0.png\n")
    copies = {"/exports/one": {"kind": "export"}}
    (run.location / "run.json").write_json(run.record() | {"copies": copies})
    command = ("prune", run.url, "--remove", str(tmp_path / "list.txt"))
    assert text_of(capsys, *command).splitlines() == [
        f"2 of 29 images would be removed, from 2 shards: {run.url}",
        "  copy0.png, even/08.png",
        "delete by hand the export /exports/one, which may have them",
        "nothing is removed yet: --yes removes them",
    ]
    (values,) = json_of(capsys, *command)
    assert (values["done"], values["images"], values["ids"]) == (False, 2, ["copy0.png", "even/08.png"])
    assert values["copies"] == copies
    assert text_of(capsys, *command, "--yes").startswith("2 of 29 images were removed, from 2 shards")
    assert text_of(capsys, *command, "--yes").splitlines() == [
        "2 images in the list were removed before",
        f"0 of 27 images were removed, from 0 shards: {run.url}",
    ]
