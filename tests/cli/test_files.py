import csv
import datetime
from pathlib import Path

import pytest

from osrmac.cli.files import write_duplicates, write_queries, write_sheet
from osrmac.evaluation.results import Evaluation, Score
from osrmac.runs.near_duplicates.groups import Duplicates, Twin
from osrmac.storage.run import Run
from osrmac.types import QueryResult
from tests.tiny_run import tiny_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return tiny_run(tmp_path / "run", {"single": {"a": [0], "b": [0]}})


def test_a_list_says_which_images_to_keep_and_to_remove(run: Run, tmp_path: Path) -> None:
    time = datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC)
    group = (
        Twin("a", "/photos/a", 4, 3, 0.5, True, 10, time, run.url),
        Twin('b"', "/photos/b", 2, 1, 0.5, run=run.url),
    )
    write_duplicates(tmp_path / "list.csv", run.url, Duplicates("single", "l1", 1.0, None, "as given", 1, 0, (group,)))
    kept, removed = csv.DictReader((tmp_path / "list.csv").read_text().splitlines())
    assert kept == {
        "group": "1",
        "action": "keep",
        "id": "a",
        "uri": "/photos/a",
        "width": "4",
        "height": "3",
        "size": "10",
        "modified": "2020-01-02T00:00:00+00:00",
        "distance": "0.5",
        "run": run.url,
    }
    assert (removed["action"], removed["id"], removed["size"], removed["modified"]) == ("remove", 'b"', "", "")
    assert run.copies()[str(tmp_path / "list.csv")].items() >= {"kind": "list", "images": 2}.items()


def test_a_contact_sheet_is_recorded_in_the_run(run: Run, tmp_path: Path) -> None:
    write_sheet(tmp_path / "sheet.html", "<html>", run.url, "single", 7)
    assert (tmp_path / "sheet.html").read_text() == "<html>"
    copy = run.copies()[str(tmp_path / "sheet.html")]
    assert (copy["kind"], copy["method"], copy["images"]) == ("contact sheet", "single", 7)


def test_the_scores_of_queries_are_listed(run: Run, tmp_path: Path) -> None:
    results = [QueryResult(name, (), values={"mAP": value}, positives=2) for name, value in (("a", 50.0), ("b", 1 / 3))]
    evaluation = Evaluation("groups", ("mAP",), "", {}, (Score.of("single", "single", "all", 4, results),))
    for url in (None, run.url):
        write_queries(tmp_path / "queries.csv", url, evaluation)
        assert (tmp_path / "queries.csv").read_text().splitlines() == [
            "system,mode,query,mAP,positives",
            "single,all,a,50.0,2",
            "single,all,b,0.3333333333333333,2",
        ]
        assert (str(tmp_path / "queries.csv") in run.copies()) == (url is not None)
