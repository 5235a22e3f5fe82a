"""The options of a configuration class: name, type, default and documentation of each field."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Annotated, Any, get_args, get_origin, get_type_hints

__all__ = ["Option", "options"]

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
    return next((get_args(member)[1] for member in members if get_origin(member) is Annotated), None)


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
