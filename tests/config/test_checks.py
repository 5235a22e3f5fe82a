from dataclasses import make_dataclass

import pytest

from osrmac.config.checks import at_least_one
from osrmac.errors import ConfigError

Options = make_dataclass("Options", [("top_images", int | None), ("others", int)])


def test_the_first_option_below_one_is_named_as_on_the_command_line() -> None:
    with pytest.raises(ConfigError, match=r"^--top-images must be at least 1, not -2$"):
        at_least_one(Options(-2, 0), "top_images", "others")


def test_options_that_are_not_given_are_not_refused() -> None:
    at_least_one(Options(None, 1), "top_images", "others")
