import json

import pytest

from osrmac.cli import output
from osrmac.commands.extract import Profile
from osrmac.tables import Cell, Table, numeric

ODD = "[red]x[/red] \x1b[31m\nline\u202e \u05d0<script>"


def test_nothing_in_a_table_is_markup_or_acted_on_by_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output.show(output.table(ODD, ("id", "number"), [(ODD, 1.5)], caption=ODD))
    shown = capsys.readouterr().out
    assert "[red]x[/red]" in shown
    assert "\\x1b[31m\\nline\\u202e" in shown
    assert not {"\x1b", "\u202e"} & set(shown)
    assert "1.5000" in shown


def test_json_is_one_line_a_value_and_unharmed(capsys: pytest.CaptureFixture[str]) -> None:
    output.write_json([{"id": ODD}, {"id": "b"}])
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.split("\n") if line] == [ODD, "b"]


def test_what_is_said_is_one_line_and_may_go_aside(capsys: pytest.CaptureFixture[str]) -> None:
    output.say("a\nb")
    output.say("c", aside=True)
    assert capsys.readouterr() == ("a\\nb\n", "c\n")


def test_a_profile_has_what_there_was_and_its_share(capsys: pytest.CaptureFixture[str]) -> None:
    output.show(*output.profile(Profile({"plan": 1.0, "describe": 3.0}, 0, {})))
    shown = capsys.readouterr().out
    assert [line.split()[1::2] for line in shown.splitlines() if "describe" in line] == [["describe", "3.0", "75.0%"]]
    assert "processes" not in shown


def test_a_table_is_rendered_with_its_texts_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[tuple[str | Cell, ...]] = [(ODD, Cell("1.50", best=True, detail="for pages")), ("b", "12.25")]
    output.show(output.render(Table(ODD, ("id", *numeric("score")), rows, (ODD, "second note"))))
    shown = capsys.readouterr().out
    assert shown.count("\\x1b[31m\\nline\\u202e") == 3
    assert not {"\x1b", "\u202e"} & set(shown)
    assert "│  1.50 │" in shown
    assert shown.splitlines()[-1].strip() == "second note"
    assert "for pages" not in shown
