"""Render the templates of this package; values are escaped, and URLs lose their credentials."""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from osrmac.credentials import redact

__all__ = ["render"]

_TEMPLATES = Environment(
    loader=PackageLoader("osrmac.pages"),
    autoescape=True,
    finalize=lambda value: redact(value) if type(value) is str else value,  # not Markup, which is a page's own
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["kind"] = lambda value: type(value).__name__


def _breakable(name: str) -> Markup:
    """Return the name of an image, which may be wrapped after separators."""
    return Markup("<wbr>").join(re.findall(r"[^/_.\-]*[/_.\-]+|[^/_.\-]+", redact(name)))


_TEMPLATES.filters["breakable"] = _breakable


def render(template: str, **values: Any) -> str:
    """Return the text of a template, given its variables.

    Args:
        template: File name of the template.
        values: Variables of the template; in it, the filter `kind` gives the class name of a value, and
            `breakable` a name that may be wrapped after separators.
    """
    text: str = _TEMPLATES.get_template(template).render(**values)
    return text
