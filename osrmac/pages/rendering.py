"""Render templates; values are escaped, and URLs lose their credentials."""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from osrmac.credentials import redact

__all__ = ["render", "templates"]


def templates(package: str) -> Environment:
    """Return the templates of a package.

    In them, the filter `kind` gives the class name of a value, and `breakable` a name that may be wrapped after
    separators.
    """
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        finalize=lambda value: redact(value) if type(value) is str else value,  # not Markup, which is a page's own
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"kind": lambda value: type(value).__name__, "breakable": _breakable}
    return environment


def _breakable(name: str) -> Markup:
    """Return the name of an image, which may be wrapped after separators."""
    return Markup("<wbr>").join(re.findall(r"[^/_.\-]*[/_.\-]+|[^/_.\-]+", redact(name)))


_TEMPLATES = templates("osrmac.pages")


def render(template: str, **values: Any) -> str:
    """Return the text of a template of this package, given its variables.

    Args:
        template: File name of the template.
        values: Variables of the template.
    """
    text: str = _TEMPLATES.get_template(template).render(**values)
    return text
