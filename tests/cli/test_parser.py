import pytest

from osrmac.cli.commands import COMMANDS
from osrmac.cli.parser import parse, wants_json_log
from osrmac.errors import ConfigError
from osrmac.log import json_log


def test_a_command_is_parsed_and_not_called() -> None:
    call = parse(["info", "nowhere", "--quiet"], COMMANDS)
    assert call.func is COMMANDS["info"]
    assert call.keywords["output"].quiet


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("fit RUN --log-format json", True),
        ("fit RUN --log-format=json --samples x", True),
        ("fit --log_format json", True),
        ("fit RUN --log-format text --format json", False),
        ("fit RUN --format json", False),
        ("", False),
    ],
)
def test_the_format_of_the_log_is_known_before_the_arguments_are_parsed(arguments: str, wanted: bool) -> None:
    assert wants_json_log(arguments.split()) == wanted


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("extract a b --speed 1", "Unrecognized options: --speed, 1"),
        ("polish", "Unrecognized options: polish"),
        ("info RUN --format xml", "invalid choice 'xml' for argument '--format'"),
        ("extract", "IMAGES"),
    ],
)
def test_with_a_json_log_wrong_arguments_are_one_line(
    arguments: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with json_log(), pytest.raises(ConfigError) as refused:
        parse(arguments.split(), COMMANDS)
    assert message in str(refused.value)
    assert "─" not in str(refused.value)
    assert "│" not in str(refused.value)
    assert capsys.readouterr() == ("", "")
