from dataclasses import MISSING

import pytest

from osrmac.cli.app import main
from osrmac.cli.arguments import _hint
from osrmac.options import Option


@pytest.mark.parametrize(
    ("default", "text", "hint"),
    [
        (MISSING, None, "(required)"),
        (None, "all of them", "(default: all of them)"),
        (None, None, ""),
        ((), "a quarter", "(default: a quarter)"),
        (False, None, ""),
        (True, None, "(default: on)"),
        (0, None, "(default: 0)"),
        ((1050, 800), None, "(default: 1050 800)"),
    ],
)
def test_the_default_is_described(default: object, text: str | None, hint: str) -> None:
    assert _hint(Option("size", int, default, None, "", text), default) == hint


def test_the_demo_shows_the_defaults_of_the_demo(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["demo", "--help"])
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "(default: efficientnet_lite0)" in shown
    assert "(default: single late early early_prev osrmac)" in shown
