"""File names of arbitrary bytes, from the disk through extraction and search to every output."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest

from osrmac.cli import main
from osrmac.commands.evaluate import evaluate
from osrmac.commands.extract import extract
from osrmac.commands.report import report
from osrmac.commands.search import search
from osrmac.config import ComputeConfig, DescriptorConfig, EvaluationConfig
from osrmac.storage import shards
from osrmac.storage.run import Run
from tests.pages.html import parse

pytestmark = pytest.mark.integration

UNICODE = [
    "plain.png",
    "quo'te\"`.png",
    "line\nbreak\r.png",
    "<script>alert(1)<.png",
    "\u202egnp.\u05e9\u05dc\u05d5\u05dd.png",
    " #?%20*[x] ;$HOME.png",
    "\x1b[31mred.png",
    "a::b.png",
]
ESCAPED = {
    "caf\udce9.png": "caf\\xe9.png",
    "caf\\xe9.png": "caf\\\\xe9.png",
    "\udcff\udcfe/x\udce9 %41.png": "\\xff\\xfe/x\\xe9 %41.png",
}
NAMES = [*UNICODE, *ESCAPED]


@pytest.fixture(scope="module")
def odd(
    tmp_path_factory: pytest.TempPathFactory,
    make_picture: Callable[[int], bytes],
    small: DescriptorConfig,
    one_worker: ComputeConfig,
) -> tuple[Path, Run]:
    """Pictures with these names, and their run."""
    folder = tmp_path_factory.mktemp("names") / "odd [*] \udce9"
    for seed, name in enumerate(NAMES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(make_picture(seed))
    run = Run(str(folder.parent / "run"))
    done = extract(str(folder), run.url, small, one_worker)
    assert (done.described, done.failed) == (len(NAMES), 0)
    return folder, run


def ids(run: Run) -> list[str]:
    return shards.read_vectors(shards.paths(run.descriptors), "osrmac").ids


def test_every_image_is_found_by_its_id_and_by_its_path(odd: tuple[Path, Run]) -> None:
    folder, run = odd
    known = ids(run)
    assert set(known) == {*UNICODE, *ESCAPED.values()}
    by_id = search(run.url, known)
    by_path = search(run.url, [str(folder / name) for name in NAMES])
    assert [found.matches[0].id for found in by_id] == known
    assert [found.matches[0].id for found in by_path] == [*UNICODE, *ESCAPED.values()]
    np.testing.assert_allclose([found.matches[0].distance for found in by_path], 0, atol=1e-4)


def test_names_are_the_same_in_parquet_json_and_html(
    odd: tuple[Path, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = odd
    known = ids(run)
    rows = duckdb.execute(f"select id from '{run.descriptors}/*.parquet'").fetchall()
    assert {name for (name,) in rows} == set(known)

    main(["search", run.url, "--top", "20", "--format", "json", "--html", str(tmp_path / "sheet.html"), known[0]])
    lines = [json.loads(line) for line in capsys.readouterr().out.split("\n") if line]
    assert {line["id"] for line in lines} == set(known)

    page = parse((tmp_path / "sheet.html").read_bytes().decode())
    assert set(known) <= set(page.texts)
    pictures = [given["href"] or "" for tag, given in page.tags if tag == "image"]
    assert len(pictures) == len(NAMES)
    assert all(source.startswith("data:image/jpeg;base64,") for source in pictures)
    links = {given["href"] or "" for tag, given in page.tags if tag == "a"}
    originals = {link for link in links if link.startswith("file:///")}
    assert len(originals) == len(NAMES)
    assert all(link.isascii() for link in originals)
    assert "script" not in {tag for tag, _ in page.tags}


def test_names_are_text_in_the_report(odd: tuple[Path, Run], tmp_path: Path) -> None:
    _, run = odd
    known = ids(run)
    with (tmp_path / "groups.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "group"), *((name, place % 2) for place, name in enumerate(known))])
    evaluate(run.url, EvaluationConfig(benchmark="groups", ground_truth=str(tmp_path / "groups.csv")))
    report(run.url)
    page = parse(run.report.read_bytes().decode())
    assert set(known) <= set(page.texts)
    shown = [of_tag["alt"] for tag, of_tag in page.tags if tag == "img"]
    assert set(shown) == set(known)


def test_the_command_line_accepts_and_prints_names_of_any_bytes(odd: tuple[Path, Run]) -> None:
    folder, run = odd
    path = folder / "\udcff\udcfe/x\udce9 %41.png"
    command = [sys.executable, "-m", "osrmac", "search", run.url, "--top", "1", "--format", "json", str(path)]
    done = subprocess.run([os.fsencode(part) for part in command], capture_output=True, check=True)
    assert not done.stderr
    (line,) = done.stdout.decode().splitlines()
    assert json.loads(line)["id"] == "\\xff\\xfe/x\\xe9 %41.png"
