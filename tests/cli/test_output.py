import json
from collections.abc import Iterable

import pytest

from osrmac.cli.arguments import Output
from osrmac.cli.output import profile_tables, search_tables, show, table, write
from osrmac.commands.extract import Profile
from osrmac.runs.queries import SearchResult
from osrmac.tables import Cell, Table, numeric, text
from osrmac.types import Match, QueryResult

ODD = "[red]x[/red] \x1b[31m\nline\u202e \x9b\u05d0<script>"


def test_tables_show_texts_as_they_are(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    show(table(ODD, (ODD, "number"), [(ODD, 0.25)], [ODD]))
    shown = capsys.readouterr().out
    assert "[red]x[/red]" in shown
    assert shown.count("\\x1b[31m\\nline\\u202e") == 4
    assert not {"\x1b[31m", "\u202e"} & {shown[i : i + 5] for i in range(len(shown))}


def test_lines_and_notes_show_texts_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    write(Output(), [], summary=[ODD])
    write(Output(format="json"), [{"id": ODD}], summary=[ODD])
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    line, json_line = shown.out.splitlines()
    assert line == shown.err.rstrip("\n") == "[red]x[/red] \\x1b[31m\\nline\\u202e \\x9b\u05d0<script>"
    assert json.loads(json_line) == {"id": ODD}
    assert json_line.isprintable()


def test_results_are_tables_unless_json_is_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    def results() -> tuple[Iterable[dict[str, int]], Iterable[Table]]:
        return ({"rank": rank} for rank in (1, 2)), (table("t", ("rank",), [(1,), (2,)]) for _ in range(1))

    write(Output(), *results())
    assert "│    1 │" in capsys.readouterr().out
    write(Output(format="json"), *results())
    assert capsys.readouterr().out == '{"rank": 1}\n{"rank": 2}\n'


def test_a_long_text_is_not_wrapped_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    show(table("t", ("id",), [("a" * 300,)]))
    assert "a" * 300 in capsys.readouterr().out


def test_numbers_are_right_aligned_and_floats_have_four_decimals() -> None:
    built = table("t", ("name", "dims", "distance"), [("a", 512, 0.5), ("b", 64, 12.25)])
    assert [column.align for column in built.columns] == ["left", "right", "right"]
    assert [[cell.text for cell in row] for row in built.cells] == [["a", "512", "0.5000"], ["b", "64", "12.2500"]]


def test_a_table_without_rows_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show(table("t", ("a",), []))
    assert capsys.readouterr().out == ""


def test_a_profile_has_the_stages_that_took_time_and_their_shares(capsys: pytest.CaptureFixture[str]) -> None:
    show(*profile_tables(Profile({"plan": 1.0, "describe": 3.0}, 0, {})))
    shown = capsys.readouterr().out
    assert [line.split()[1::2] for line in shown.splitlines() if "describe" in line] == [["describe", "3.0", "75.0%"]]
    assert "processes" not in shown


def test_the_best_cells_are_shown_like_the_others_without_their_details(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[tuple[str | Cell, ...]] = [("a", Cell("1.50", best=True, detail="for pages")), ("b", "12.25")]
    show(Table("t", text("id") + numeric("score"), rows, ("first", "second note")))
    shown = capsys.readouterr().out
    assert "│  1.50 │" in shown
    assert shown.splitlines()[-1].strip() == "second note"
    assert "for pages" not in shown


def test_matches_have_a_column_of_boxes_where_there_are_any() -> None:
    plain, placed = Match("a.jpg", 1, 0.5, tied=True), Match("b.jpg", 2, 0.5, tied=True, box=(0, 10, 300, 200))
    result = SearchResult("single", "l1", (QueryResult("q", (plain, placed)), QueryResult("r", (plain,))))
    with_box, without = search_tables(result)
    assert [column.name for column in with_box.columns] == ["", "l1", "tied", "id", "box"]
    assert [[cell.text for cell in row][-2:] for row in with_box.cells] == [["a.jpg", ""], ["b.jpg", "0 10 300 200"]]
    assert [[cell.text for cell in row] for row in without.cells] == [["1", "0.5000", "=", "a.jpg"]]
    assert (with_box.title, with_box.notes) == ("q", ["compared by single"])
