"""Options of the approximate index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from osrmac.config.choices import Distance

__all__ = ["IndexConfig"]


@dataclass(frozen=True, kw_only=True)
class IndexConfig:
    """The vectors to index."""

    method: Annotated[str, "NAME"] | None = None
    """Reduction whose vectors are indexed, named as in an evaluation. (default: the one that searches use)"""

    distance: Distance | None = None
    """Distance that searches use. An index serves both l1 and l2, or else cosine.
    (default: as the index has it, or l1)"""

    rebuild: bool = False
    """Train the index again, and add all images again."""
