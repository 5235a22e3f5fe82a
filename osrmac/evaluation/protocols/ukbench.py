"""University of Kentucky Benchmark (Nister and Stewenius 2006): groups of four consecutive numbers."""

from osrmac.evaluation.benchmark import Benchmark, Query

__all__ = ["MODES", "SIZE", "load"]

SIZE = 10200
"""Number of images."""

MODES = ("all", "first")
"""Query modes: every image (the N-S score), or the first image of each group (the paper, section 4.2)."""

_GROUP = 4


def load() -> Benchmark:
    """Return the benchmark: the N-S score, the number of group members among the first four, query included."""
    groups = [[f"ukbench{number:05d}" for number in range(first, first + _GROUP)] for first in range(0, SIZE, _GROUP)]
    queries = tuple(Query(name, name, positives=frozenset(group)) for group in groups for name in group)
    return Benchmark("ukbench", {"all": queries, "first": queries[::_GROUP]}, ("N-S",), SIZE)
