"""Coordinate ascent on a grid, to fit one weight per layer (Li et al. 2017)."""

from collections.abc import Callable, Sequence

__all__ = ["coordinate_ascent"]

Weights = tuple[float, ...]


def coordinate_ascent(score: Callable[[Weights], float], layers: int, grid: Sequence[float]) -> tuple[Weights, float]:
    """Change one weight at a time while the score increases, and return the best weights and their score.

    All weights start at one and change only for a strictly better score. The result is a local maximum: no change
    of a single weight scores better. All weights zero are never tried.

    Args:
        score: Function to maximise.
        layers: Number of weights.
        grid: Values to try for each weight.
    """
    best = (1.0,) * layers
    best_score, improved = score(best), True
    while improved:
        improved = False
        for layer in range(layers):
            for weight in grid:
                candidate = (*best[:layer], weight, *best[layer + 1 :])
                if any(candidate) and candidate != best and (candidate_score := score(candidate)) > best_score:
                    best, best_score, improved = candidate, candidate_score, True
    return best, best_score
