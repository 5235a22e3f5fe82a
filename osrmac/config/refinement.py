"""Options of query expansion and re-ranking."""

# Annotations are evaluated here, not where a subclass inherits them: pdoc would look up Literal in its module.
import math
from dataclasses import dataclass, fields
from typing import Annotated, Literal

from osrmac.config.checks import at_least_one
from osrmac.errors import ConfigError

__all__ = ["RefinementConfig"]


@dataclass(frozen=True, kw_only=True)
class RefinementConfig:
    """How a ranking is refined by nearest neighbours: first query expansion, then re-ranking."""

    query_expansion: Annotated[int, "N"] = 0
    """Nearest neighbours that a query is averaged with before it is searched again. The paper uses none."""

    alpha: float = 3.0
    """Exponent of the weight of a neighbour in an average: its cosine similarity to this power."""

    rerank: Literal["superglobal"] | None = None
    """Re-rank the nearest images of a query by vectors that are averaged with their neighbours among these images
    (SuperGlobal, Shao et al. 2023). (default: no re-ranking, as in the paper)"""

    rerank_top: Annotated[int, "N"] = 400
    """Nearest images to re-rank. The others follow them in the order of their distances."""

    rerank_neighbours: Annotated[int, "N"] = 9
    """Neighbours that each of these images is averaged with."""

    rerank_beta: float = 0.15
    """Weight of a neighbour in this average, times its cosine similarity; the image itself has weight 1."""

    def __post_init__(self) -> None:
        if self.query_expansion < 0:
            raise ConfigError(f"--query-expansion must be 0 or more, not {self.query_expansion}")
        if self.alpha <= 0:
            raise ConfigError(f"--alpha must be positive, not {self.alpha}")
        at_least_one(self, "rerank_top", "rerank_neighbours")
        if not 0 <= self.rerank_beta < math.inf:
            raise ConfigError(f"--rerank-beta must be 0 or more, not {self.rerank_beta}")
        details = ("rerank_top", "rerank_neighbours", "rerank_beta")
        changed = [f.name for f in fields(self) if f.name in details and getattr(self, f.name) != f.default]
        if changed and self.rerank is None:
            raise ConfigError(f"--{changed[0].replace('_', '-')} has no effect without --rerank superglobal")

    @property
    def conditions(self) -> dict[str, str]:
        """The refinements in words, by the names under which they are stored with scores."""
        found = {}
        if self.query_expansion:
            found["query expansion"] = f"{self.query_expansion} neighbours, alpha {self.alpha:g}"
        if self.rerank:
            found["re-ranking"] = (
                f"{self.rerank}, {self.rerank_top} nearest, K {self.rerank_neighbours}, beta {self.rerank_beta:g}"
            )
        return found
