import pytest

from osrmac.reduction.base import Selection
from osrmac.runs.reductions.search_method import decide, longest_pfa


def selection(method: str, kept: int, samples: int = 9, recipe: str = "osrmac") -> Selection:
    return Selection(
        name=f"{recipe}-{method}-{kept}",
        method=method,
        recipe=recipe,
        features_in=9,
        seed=0,
        samples=samples,
        fitted_on="photos",
        fingerprint="f",
        indices=tuple(range(kept)),
    )


LEVERAGE, LONGER, PFA = selection("leverage", 3), selection("leverage", 4), selection("pfa", 5)
CONTROLS = [selection("random", 8), selection("variance", 8), selection("leverage-centred", 8)]


def test_the_longest_leverage_selection_is_preferred_then_the_longest_pfa() -> None:
    assert decide("osrmac", [], [LEVERAGE, LONGER, PFA, *CONTROLS], {}) == "osrmac-leverage-4"
    assert decide("osrmac", [], [selection("pfa", 2), PFA, *CONTROLS], {}) == "osrmac-pfa-5"
    assert decide("osrmac", [], CONTROLS, {}) == "osrmac"


def test_a_reduction_of_too_few_samples_is_not_used() -> None:
    few = [selection("leverage", 3, samples=8), selection("pfa", 3, samples=8)]
    assert decide("osrmac", [], few, {}) == "osrmac"
    assert decide("osrmac", [], [*few, PFA], {}) == "osrmac-pfa-5"


def test_reductions_of_other_recipes_do_not_count() -> None:
    assert decide("osrmac", [selection("pfa", 6, recipe="late")], [selection("leverage", 3, recipe="late")], {}) == (
        "osrmac"
    )


@pytest.mark.parametrize("before", [[], [PFA]])
def test_a_decision_is_kept_until_the_reductions_are_refitted(before: list[Selection]) -> None:
    recorded = {"osrmac": "osrmac", "late": "late-pfa-3"}
    assert decide("osrmac", before, [LEVERAGE, PFA], recorded) == "osrmac"
    assert decide("osrmac", before, [LEVERAGE, PFA], recorded, refit=True) == "osrmac-leverage-3"


def test_a_run_of_an_early_version_keeps_its_longest_pfa() -> None:
    assert decide("osrmac", [PFA, selection("pfa", 2, samples=2)], [LEVERAGE, PFA], {}) == "osrmac-pfa-5"
    assert decide("osrmac", [PFA], [LEVERAGE, PFA], {}, refit=True) == "osrmac-leverage-3"


def test_the_longest_pfa_is_found() -> None:
    assert longest_pfa([LEVERAGE, selection("pfa", 2), PFA]) == PFA
    assert longest_pfa([LEVERAGE]) is None
