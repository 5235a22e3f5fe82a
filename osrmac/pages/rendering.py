"""The templates, in which everything put in is text unless they say otherwise."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

__all__ = ["render"]

_TEMPLATES = Environment(
    loader=PackageLoader("osrmac.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, **values: Any) -> str:
    """The page that a template makes of values."""
    page: str = _TEMPLATES.get_template(template).render(**values)
    return page
