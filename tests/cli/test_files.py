import sys
from pathlib import Path

import pytest

from osrmac.cli import main
from osrmac.cli.files import check_tables, write_sheet, write_table
from osrmac.commands.result_tables import ResultTable
from osrmac.errors import ConfigError
from osrmac.storage.run import Run
from tests.tiny_run import tiny_run

TABLE = ResultTable(("id", "uri"), [["=a", "https://me:secret@host/a.jpg"]])


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return tiny_run(tmp_path / "run", {"single": {"a": [0], "b": [0]}})


def test_a_contact_sheet_is_recorded_in_the_run(run: Run, tmp_path: Path) -> None:
    write_sheet(tmp_path / "sheet.html", "<html>", run.url, "single", 7)
    assert (tmp_path / "sheet.html").read_text() == "<html>"
    copy = run.copies()[str(tmp_path / "sheet.html")]
    assert (copy["kind"], copy["method"], copy["images"]) == ("contact sheet", "single", 7)


def test_a_table_that_names_images_is_recorded_in_the_run(run: Run, tmp_path: Path) -> None:
    write_table(tmp_path / "table.csv", TABLE, run.url, "single", 7)
    assert (tmp_path / "table.csv").read_text() == "id,uri\n'=a,https://host/a.jpg\n"
    copy = run.copies()[str(tmp_path / "table.csv")]
    assert (copy["kind"], copy["method"], copy["images"]) == ("list", "single", 7)


def test_other_tables_are_not_recorded(run: Run, tmp_path: Path) -> None:
    write_table(None, TABLE, run.url)
    write_table(tmp_path / "table.XLSX", TABLE)
    assert (tmp_path / "table.XLSX").read_bytes().startswith(b"PK")
    assert not run.copies()


def test_tables_are_checked_before_anything_is_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_tables(None, tmp_path / "a.csv", tmp_path / "a.XLSX")
    with pytest.raises(ConfigError, match=r"a.ods is no kind of table: name a .csv, .xlsx or .parquet file"):
        check_tables(tmp_path / "a.ods")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="a file is at"):
        check_tables(None, tmp_path / "file" / "a.csv")
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(ConfigError, match=r"pip install 'osrmac\[xlsx\]'"):
        check_tables(tmp_path / "a.xlsx")


@pytest.mark.parametrize(
    "command", [("search", "run", "a"), ("duplicates", "run"), ("compare", "run"), ("evaluate", "--rankings", "x")]
)
def test_every_command_checks_its_tables_first(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--table", "a.ods"])
    assert ended.value.code == 2
    assert "a.ods is no kind of table" in capsys.readouterr().err
