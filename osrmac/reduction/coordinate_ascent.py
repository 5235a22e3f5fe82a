"""Coordinate ascent on a grid: the iterative search for one weight a layer (Li et al. 2017)."""

from collections.abc import Callable, Sequence

__all__ = ["coordinate_ascent"]

Weights = tuple[float, ...]


def coordinate_ascent(score: Callable[[Weights], float], layers: int, grid: Sequence[float]) -> tuple[Weights, float]:
    """Change one weight at a time to whatever scores best, until no single change scores better.

    Every weight starts at one; a change is made only if it scores better, so that equal weights of equal
    scores stay. All weights zero are never tried.

    Args:
        score: What is to be large.
        layers: Number of weights.
        grid: Values that a weight may take.

    Returns:
        The weights and their score.
    """
    best = (1.0,) * layers
    value, improved = score(best), True
    while improved:
        improved = False
        for layer in range(layers):
            for weight in grid:
                tried = (*best[:layer], weight, *best[layer + 1 :])
                if any(tried) and tried != best and (found := score(tried)) > value:
                    best, value, improved = tried, found, True
    return best, value
