"""What a comparison that is divided into parts has in common with one that is not."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from osrmac.runs.scan import LocalComparison
from osrmac.runs.searcher import nearest_of
from osrmac.types import DistanceBlock

Summary = TypeVar("Summary")
BLOCKS = [("one", ["d", "b"], np.array([[2, 1]], np.float32)), ("two", ["a", "c"], np.array([[1, 2]], np.float32))]


@dataclass(frozen=True)
class Divided:
    """A comparison with each block in a part of its own."""

    blocks: Sequence[DistanceBlock]

    def summarize(self, summary: Callable[[Iterable[DistanceBlock]], Summary]) -> Iterator[Summary]:
        return (summary([block]) for block in self.blocks)


def test_the_nearest_images_of_all_parts_are_merged() -> None:
    (matches,) = nearest_of(Divided(BLOCKS), 1, 3)
    assert [(match.id, match.shard, match.tied) for match in matches] == [
        ("a", "two", True),
        ("b", "one", True),
        ("c", "two", True),
    ]
    assert [matches] == nearest_of(LocalComparison(BLOCKS), 1, 3)
