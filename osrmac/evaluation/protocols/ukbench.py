"""University of Kentucky Benchmark (Nister and Stewenius 2006): groups of four by number."""

from osrmac.evaluation.benchmark import Benchmark, Query

__all__ = ["SIZE", "load"]

SIZE = 10200
_GROUP = 4


def load() -> Benchmark:
    """How many of the four of a group are among the first four; the query itself counts.

    Returns:
        A benchmark with the query modes `all` (the N-S score: every image asks) and `first` (the
        first of each group asks, the wording of the paper, section 4.2).
    """
    groups = [[f"ukbench{number:05d}" for number in range(first, first + _GROUP)] for first in range(0, SIZE, _GROUP)]
    every = tuple(Query(name, name, positives=frozenset(group)) for group in groups for name in group)
    first = every[::_GROUP]
    return Benchmark("ukbench", {"all": every, "first": first}, ("N-S",), SIZE)
