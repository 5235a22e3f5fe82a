from typing import get_args

from osrmac.config import (
    BenchmarkName,
)
from osrmac.evaluation.protocols import BENCHMARKS


def test_the_benchmarks_are_those_of_the_protocols() -> None:
    assert set(get_args(BenchmarkName)) == set(BENCHMARKS)
