import pytest

from osrmac.cli.app import main
from osrmac.cli.commands import COMMANDS
from osrmac.cli.renames import RENAMED_COMMANDS, RENAMED_OPTIONS, check_names
from osrmac.errors import ConfigError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["weigh", "RUN"], "osrmac weigh is now osrmac fit-weights"),
        (["tables", "RUN"], "osrmac tables is now osrmac paper"),
        (["explain", "a.jpg"], "osrmac explain is now osrmac cam"),
        (["fit", "--run", "RUN"], "--run RUN is now the first argument"),
        (["extract", "photos", "--run=RUN"], "--run RUN is now the second argument"),
        (["info", "RUN", "--json"], "--json is now --format json"),
        (["extract", "photos", "RUN", "--taps", "layer4"], "--taps is now --layers"),
        (["extract", "photos", "RUN", "--max_actors", "4"], "--max-actors is now --max-workers"),
    ],
)
def test_an_old_name_is_answered_with_the_new_one(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr() == ("", f"osrmac: {message}\n")


def test_new_names_exist_and_old_ones_do_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(RENAMED_COMMANDS.values()) <= COMMANDS.keys()
    assert not RENAMED_COMMANDS.keys() & COMMANDS.keys()
    shown = ""
    for command in ("run", "search"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        shown += capsys.readouterr().out
    words = set(shown.replace(",", " ").split())
    assert {new.split()[0] for new in RENAMED_OPTIONS.values()} <= words
    assert not RENAMED_OPTIONS.keys() & words


def test_values_and_files_are_not_taken_for_old_names() -> None:
    check_names([])
    check_names(["search", "RUN", "explain", "./--json.jpg"])
    with pytest.raises(ConfigError):
        check_names(["search", "RUN", "--json"])
