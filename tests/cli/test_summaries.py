from osrmac.cli.summaries import extraction_lines, pruning_lines
from osrmac.commands.extract import Extraction, Profile
from osrmac.commands.prune import Pruning
from osrmac.runs.failures import Failures
from osrmac.storage.manifest import Changes


def test_a_dry_run_says_how_to_go_on() -> None:
    ids = tuple(f"{number:02d}.jpg" for number in range(12))
    result = Pruning("run", False, 20, 12, ids, 3, ("groups",), 1, 0, {"/a.html": {"kind": "contact sheet"}})
    assert pruning_lines(result) == [
        "1 images in the list were removed before",
        "12 of 20 images would be removed, from 3 shards, and 1 evaluations would be marked: run",
        f"  {', '.join(ids[:10])} and 2 more",
        "delete by hand the contact sheet /a.html, which may have them",
        "nothing is removed yet: --yes removes them",
    ]


def test_an_extraction_names_its_first_failures_and_what_has_changed() -> None:
    failures = tuple(Failures("decode", f"reason {number}", 1, ("a",)) for number in range(6))
    profile = Profile({}, 1, {})
    first, second, *others = extraction_lines(Extraction("run", 20, failures, 3, Changes(1, 2, 0, 4), {}, profile))
    assert first == (
        "of the images in the run, 2 have changed, 4 have moved; those that have moved or are gone keep their rows"
    )
    assert second == "20 images described, 6 failed, 3 of them now: run"
    assert len(others) == 5
