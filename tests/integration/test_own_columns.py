"""Extraction of a list with columns of the user, whose values change."""

import csv
import json
from pathlib import Path

import pytest

from osrmac.cli.app import main
from osrmac.commands.extract import extract
from osrmac.config import ComputeConfig, DescriptorConfig
from osrmac.storage import shards
from osrmac.storage.manifest import Changes
from osrmac.storage.run import Run

COMPUTE = ComputeConfig(workers=1)

pytestmark = pytest.mark.integration


def write(file: Path, photos: Path, titles: dict[str, str]) -> None:
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["title", "id", "uri", "licence"])
        writer.writerows([title, f"{name}.png", photos / f"{name}.png", "CC0"] for name, title in titles.items())


def found(run: Run, query: str, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, str]]:
    """The columns of each match, as the command writes them."""
    capsys.readouterr()
    main(["search", run.url, "--method", "single", "--format", "json", query])
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    return {match["id"]: match["columns"] for match in lines}


def test_titles_are_found_and_new_ones_describe_nothing_again(
    photos: Path, tmp_path: Path, small: DescriptorConfig, local_ray: None, capsys: pytest.CaptureFixture[str]
) -> None:
    run, listed = Run(str(tmp_path / "run")), tmp_path / "list.csv"
    titles = {"copy0": "The harbour", "copy1": '"=1+1"\nin two lines', "even/00": ""}
    write(listed, photos, titles)
    assert extract(str(listed), run.url, small, COMPUTE).new == 3
    assert found(run, "copy0.png", capsys) == {
        "copy0.png": {"title": "The harbour", "licence": "CC0"},
        "copy1.png": {"title": '"=1+1"\nin two lines', "licence": "CC0"},
        "even/00.png": {"title": None, "licence": "CC0"},
    }
    files = [Path(shard) for shard in shards.paths(run.descriptors)]
    before = [file.stat().st_mtime_ns for file in files]
    write(listed, photos, titles | {"copy1": "The mill"})
    again = extract(str(listed), run.url, small, COMPUTE)
    assert (again.new, again.changes) == (0, Changes(0, 0, 0, relabelled=1))
    assert [file.stat().st_mtime_ns for file in files] == before
    assert found(run, "copy0.png", capsys)["copy1.png"] == {"title": "The mill", "licence": "CC0"}
    table = tmp_path / "found.csv"
    main(["search", run.url, "--method", "single", "--table", str(table), "copy1.png"])
    assert table.read_text().splitlines()[1].endswith(",false,The mill,CC0")
