"""Options of configuration dataclasses: their documentation, and functions that take them as keyword arguments."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from functools import wraps
from itertools import pairwise
from typing import (
    Annotated,
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
    overload,
)

__all__ = ["Option", "keywords", "options", "select"]

P = ParamSpec("P")
A = TypeVar("A")
B = TypeVar("B")
R = TypeVar("R")
ConfigT = TypeVar("ConfigT")

_DEFAULT = re.compile(r"\s*\(default: (.*)\)$", re.DOTALL)


@dataclass(frozen=True)
class Option:
    """One field of a configuration class.

    Attributes:
        name: Name of the field.
        type: Type of the field.
        default: Default value, or `dataclasses.MISSING`.
        metavar: Name for the value in help texts, if the field is annotated with one: `Annotated[str, "NAME"]`.
        help: Description of the option.
        default_text: Default in words, where the value itself says nothing.
    """

    name: str
    type: Any
    default: Any
    metavar: str | None
    help: str
    default_text: str | None


def options(config: type[Any]) -> list[Option]:
    """Return the options of a configuration dataclass, those of its base classes first.

    The description of an option is the string below its field. If it ends with `(default: TEXT)`, the text describes
    the default.
    """
    hints = get_type_hints(config, include_extras=True)
    docs = {name: text for base in reversed(config.__mro__[:-1]) for name, text in _docstrings(base).items()}
    return [_option(field.name, hints[field.name], field.default, docs.get(field.name, "")) for field in fields(config)]


def _option(name: str, hint: Any, default: Any, doc: str) -> Option:
    found = _DEFAULT.search(doc)
    return Option(name, hint, default, _metavar(hint), _DEFAULT.sub("", doc), found[1] if found else None)


def _metavar(hint: Any) -> str | None:
    """Return the text that a type, or a member of a union, is annotated with."""
    members = [hint] if get_origin(hint) is Annotated else get_args(hint)
    notes = (note for member in members if get_origin(member) is Annotated for note in get_args(member)[1:])
    return next((note for note in notes if isinstance(note, str)), None)


def _docstrings(config: type[Any]) -> dict[str, str]:
    """Return the strings below the fields that a class itself defines, each as one paragraph."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(config))).body
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    return {
        field.target.id: " ".join(str(below.value.value).split())
        for field, below in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
    }


def select(config: Callable[..., ConfigT], values: Any) -> ConfigT:
    """Return the part of some options that a configuration class has, as an instance of that class.

    Args:
        config: Configuration class.
        values: Instance of a class that has these options among others.
    """
    names = (field.name for field in fields(config))  # type: ignore[arg-type]
    return config(**{name: getattr(values, name) for name in names})


class keywords(Generic[P, ConfigT]):  # noqa: N801  # a decorator
    """Decorator that replaces the last parameter of a function, a configuration object, by keyword arguments.

    Type checkers, `help()` and `inspect.signature` see the options of the configuration class as parameters. An unknown
    option raises TypeError and names those that it resembles.

    Args:
        config: Configuration class, whose fields are keyword-only.

    >>> @dataclass(frozen=True, kw_only=True)
    ... class Size:
    ...     width: int = 3
    >>> @keywords(Size)
    ... def area(height: int, size: Size) -> int:
    ...     return height * size.width
    >>> area(2, width=5), area(2)
    (10, 6)
    >>> area(2, widht=5)
    Traceback (most recent call last):
    TypeError: area() has no option 'widht', did you mean 'width'?
    """

    def __init__(self, config: Callable[P, ConfigT]) -> None:
        self._config: Any = config

    @overload
    def __call__(self, function: Callable[[ConfigT], R]) -> Callable[P, R]: ...

    @overload
    def __call__(self, function: Callable[[A, ConfigT], R]) -> Callable[Concatenate[A, P], R]: ...

    @overload
    def __call__(self, function: Callable[[A, B, ConfigT], R]) -> Callable[Concatenate[A, B, P], R]: ...

    def __call__(self, function: Callable[..., R]) -> Callable[..., R]:
        """Decorate a function of up to two arguments and the configuration."""
        names = [field.name for field in fields(self._config)]
        *arguments, _ = inspect.signature(function).parameters.values()

        @wraps(function)
        def call(*given: Any, **chosen: Any) -> R:
            for name in chosen:
                if name not in names:
                    raise TypeError(f"{function.__name__}() has no option '{name}'{_suggestion(name, names)}")
            if len(given) != len(arguments):
                expected = " and ".join(argument.name for argument in arguments) or "nothing"
                raise TypeError(f"{function.__name__}() takes {expected}, and options by name")
            return function(*given, self._config(**chosen))

        call.__dict__["__signature__"] = _signature(function, self._config)
        return call


def _suggestion(name: str, names: list[str]) -> str:
    close = " or ".join(map(repr, get_close_matches(name, names)))
    return f", did you mean {close}?" if close else f": choose from {', '.join(names)}"


def _signature(function: Callable[..., Any], config: type[Any]) -> inspect.Signature:
    """Return the signature of a function with its last parameter replaced by the options."""
    signature = inspect.signature(function)
    *arguments, _ = signature.parameters.values()
    hints = get_type_hints(config)
    keyword_only = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(config)
    ]
    positional = [argument.replace(kind=inspect.Parameter.POSITIONAL_ONLY) for argument in arguments]
    return signature.replace(parameters=[*positional, *keyword_only])
