import inspect
from dataclasses import MISSING, dataclass
from typing import Annotated

import pytest

from osrmac import config
from osrmac.options import Option, keywords, options, select


@dataclass(frozen=True, kw_only=True)
class Base:
    size: Annotated[int, "N"] | None = None
    """Size of the
    thing. (default: as large as possible)"""


@dataclass(frozen=True, kw_only=True)
class Derived(Base):
    name: str
    """Name of the thing."""


def test_options_have_the_documentation_of_their_fields() -> None:
    size, name = options(Derived)
    assert name == Option("name", str, MISSING, None, "Name of the thing.", None)
    assert (size.metavar, size.help, size.default_text) == ("N", "Size of the thing.", "as large as possible")


CONFIGS = [value for name, value in vars(config).items() if name.endswith("Config")]


@pytest.mark.parametrize("configuration", CONFIGS, ids=lambda found: found.__name__)
def test_every_option_is_documented_and_every_default_has_words_or_a_value(configuration: type) -> None:
    for option in options(configuration):
        assert option.help.endswith("."), option.name
        empty = option.default is None or option.default == ()
        assert option.name == "benchmark" or bool(option.default_text) == empty or option.name == "whitening"


def test_keywords_take_the_place_of_a_configuration() -> None:
    @keywords(Derived)
    def describe(first: str, options: Derived) -> str:
        """Describe."""
        return f"{first} {options.name} {options.size}"

    assert describe("a", name="b", size=3) == "a b 3"
    assert str(inspect.signature(describe)).startswith("(first: str, /, *, size: ")
    assert describe.__doc__ == "Describe."


def test_unknown_options_and_missing_arguments_raise_type_errors() -> None:
    @keywords(Derived)
    def describe(first: str, options: Derived) -> str:
        return first

    with pytest.raises(TypeError, match=r"^describe\(\) has no option 'nam', did you mean 'name'\?$"):
        describe("a", nam="b")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"^describe\(\) has no option 'x': choose from size, name$"):
        describe("a", x="b")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"^describe\(\) takes first, and options by name$"):
        describe("a", "b")  # type: ignore[arg-type, call-arg]
    with pytest.raises(TypeError, match="name"):
        describe("a")  # type: ignore[call-arg]


def test_select_returns_the_part_that_a_configuration_class_has() -> None:
    assert select(Base, Derived(name="a", size=2)) == Base(size=2)
