"""Benchmarks by name: query modes, and checks that read no file."""

import pytest

from osrmac.errors import BenchmarkError
from osrmac.evaluation import protocols


@pytest.mark.parametrize(
    ("name", "modes"),
    [
        ("holidays", ("first",)),
        ("ukbench", ("all", "first")),
        ("oxford5k", ("cropped", "whole")),
        ("paris6k", ("cropped", "whole")),
        ("roxford5k", ("easy", "medium", "hard")),
        ("rparis6k", ("easy", "medium", "hard")),
        ("gpr1200", ("all",)),
        ("instre", ("cropped", "whole")),
        ("gldv2", ("public", "private")),
        ("ilias", ("whole", "cropped")),
        ("groups", ("all", "marked")),
    ],
)
def test_every_query_mode_of_a_benchmark_is_accepted(name: str, modes: tuple[str, ...]) -> None:
    assert protocols.query_modes(name) == modes
    protocols.check(name, ground_truth=True, modes=modes)
    protocols.check(name, ground_truth=True)


def test_benchmarks_are_listed_in_a_fixed_order() -> None:
    assert protocols.BENCHMARKS == (
        "holidays",
        "ukbench",
        "oxford5k",
        "paris6k",
        "roxford5k",
        "rparis6k",
        "gpr1200",
        "instre",
        "gldv2",
        "ilias",
        "groups",
    )
    assert set(protocols.NEEDS_GROUND_TRUTH) == set(protocols.BENCHMARKS) - {"holidays", "ukbench", "gpr1200"}


@pytest.mark.parametrize("name", protocols.NEEDS_GROUND_TRUTH)
def test_missing_ground_truth_is_refused(name: str) -> None:
    message = f"^{name} needs its ground truth: give it with --ground-truth$"
    with pytest.raises(BenchmarkError, match=message):
        protocols.check(name, ground_truth=False)
    with pytest.raises(BenchmarkError, match=message):
        protocols.load(name, {}, collection=["100000"], subset=True)


@pytest.mark.parametrize("name", ["holidays", "ukbench", "gpr1200"])
def test_groups_in_image_names_need_no_ground_truth(name: str) -> None:
    protocols.check(name, ground_truth=False)


def test_an_unknown_benchmark_is_refused_with_the_known_ones() -> None:
    message = "unknown benchmark 'imagenet': choose from holidays, ukbench, oxford5k"
    with pytest.raises(BenchmarkError, match=message):
        protocols.check("imagenet", ground_truth=True)
    with pytest.raises(BenchmarkError, match=message):
        protocols.load("imagenet", {}, collection=(), subset=False)


def test_an_unknown_query_mode_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BenchmarkError, match=r"^oxford5k has no query mode 'half': choose from cropped, whole$"):
        protocols.check("oxford5k", ground_truth=True, modes=["whole", "half"])
