"""Scores of rankings, against those computed by VGG's and INRIA's own programs."""

from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

import pytest

from osrmac.evaluation import protocols, rankings
from osrmac.evaluation.benchmark import Benchmark
from osrmac.types import Rank

pytestmark = pytest.mark.measured


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*.txt"))}


def texts(folder: Path) -> dict[str, str]:
    return {name: content.decode() for name, content in contents(folder).items()}


def first_ranks(benchmark: Benchmark, ranked: Iterable[str]) -> dict[str, Rank]:
    """Return the rank of each image, the first one if it is listed twice."""
    ranks = [(benchmark.naming(image), Rank.untied(rank)) for rank, image in enumerate(ranked)]
    return dict(reversed(ranks))


@pytest.mark.parametrize(
    ("method", "mean"), [("resnet18_full", 0.356621), ("sift_top50", 0.215088), ("orb_top100", 0.133174)]
)
def test_oxford_scores_equal_those_of_vgg(measuring_data: Path, method: str, mean: float) -> None:
    folder = measuring_data / "known-answers" / "oxford"
    files = texts(folder / f"ranks_{method}")
    lines = [line.split() for line in files.pop("AP.txt").splitlines() if not line.startswith("MAP")]
    expected = {query: float(ap) for query, ap in lines}
    ranked = rankings.parse(files)
    oxford = protocols.load("oxford5k", contents(folder / "gt"), collection=(), subset=False)

    scores = {
        query.name: oxford.score(query, first_ranks(oxford, ranked[query.name]))["mAP"] / 100
        for query in oxford.modes["cropped"]
    }

    assert len(scores) == 55
    assert scores == pytest.approx(expected, rel=0, abs=1e-5)
    assert fmean(scores.values()) == pytest.approx(mean, rel=0, abs=1e-6)


def test_the_holidays_score_equals_that_of_inria(measuring_data: Path) -> None:
    folder = measuring_data / "known-answers" / "holidays"
    listed = {"holidays_images.dat": (folder / "holidays_images.dat").read_bytes()}
    ranked = rankings.parse(texts(folder))
    holidays = protocols.load("holidays", listed, collection=(), subset=False)

    scores = [
        holidays.score(query, first_ranks(holidays, ranked[query.name]))["mAP"] for query in holidays.modes["first"]
    ]

    assert len(scores) == 500
    assert round(fmean(scores) / 100, 5) == 0.68923
