"""VGG's ground truth: files, boxes and scores."""

from statistics import fmean

import pytest

from osrmac.errors import BenchmarkError
from osrmac.evaluation import protocols
from osrmac.evaluation.benchmark import Benchmark
from osrmac.types import Rank

OXFORD = {
    "gate_2_query.txt": "oxc1_gate_000007 136.5 34.1 648.5 955.7\n",
    "gate_2_good.txt": "gate_000007\n",
    "gate_2_ok.txt": "",
    "gate_2_junk.txt": "",
    "tower_1_query.txt": "oxc1_tower_000001 1 2 30 40",
    "tower_1_good.txt": "tower_000001\ntower_000002\n",
    "tower_1_ok.txt": "tower_000003\n",
    "tower_1_junk.txt": "tower_000004\ngate_000007\n",
}


def load(files: dict[str, str], name: str = "oxford5k") -> Benchmark:
    contents = {file: text.encode() for file, text in files.items()}
    return protocols.load(name, contents, collection=(), subset=False)


def test_good_and_ok_are_positive_and_junk_is_kept_apart() -> None:
    gate, tower = load(OXFORD).modes["cropped"]

    assert (gate.name, gate.image, gate.box) == ("gate_2", "gate_000007", (136.5, 34.1, 648.5, 955.7))
    assert gate.positives == {"gate_000007"}
    assert not gate.junk
    assert (tower.name, tower.image, tower.box) == ("tower_1", "tower_000001", (1, 2, 30, 40))
    assert tower.positives == {"tower_000001", "tower_000002", "tower_000003"}
    assert tower.junk == {"tower_000004", "gate_000007"}


def test_whole_queries_differ_from_cropped_ones_only_in_their_box() -> None:
    modes = load(OXFORD).modes

    assert list(modes) == ["cropped", "whole"]
    assert [query.box for query in modes["whole"]] == [None, None]
    for cropped, whole in zip(modes["cropped"], modes["whole"], strict=True):
        assert (whole.name, whole.image) == (cropped.name, cropped.image)
        assert (whole.positives, whole.junk) == (cropped.positives, cropped.junk)


def test_names_of_paris_have_no_prefix() -> None:
    paris = load({name: text.replace("oxc1_", "") for name, text in OXFORD.items()}, "paris6k")

    assert [query.image for query in paris.modes["whole"]] == ["gate_000007", "tower_000001"]
    assert (paris.name, paris.size, paris.measures) == ("paris6k", 6412, ("mAP",))
    assert load(OXFORD).size == 5062


def test_scores_match_hand_computed_values() -> None:
    ranking = ["tower_000001", "tower_000004", "other", "gate_000007", "tower_000003", "tower_000002"]
    ranks = {image: Rank.untied(rank) for rank, image in enumerate(ranking)}
    oxford = load(OXFORD)

    gate, tower = (oxford.score(query, ranks)["mAP"] for query in oxford.modes["cropped"])

    # The only positive is fourth.
    assert gate == pytest.approx(100 * (0 + 1 / 4) / 2)
    # Without junk, the positives are first, third and fourth.
    assert tower == pytest.approx(100 * (1 + (1 / 2 + 2 / 3) / 2 + (2 / 3 + 3 / 4) / 2) / 3)
    assert fmean([gate, tower]) == pytest.approx(100 * (1 / 8 + 55 / 72) / 2)


@pytest.mark.parametrize("kind", ["good", "ok", "junk"])
def test_a_missing_list_is_named(kind: str) -> None:
    files = {name: text for name, text in OXFORD.items() if name != f"tower_1_{kind}.txt"}

    with pytest.raises(BenchmarkError, match=f"the ground truth lacks tower_1_{kind}.txt: tower_1_query.txt needs it"):
        load(files)


@pytest.mark.parametrize(
    "text", ["", "\n", "oxc1_tower_000001", "oxc1_tower_000001 1 2 3", "tower 1 2 3 4 5", "tower\n1 2 3 wide\n"]
)
def test_a_malformed_query_file_is_named_in_one_line(text: str) -> None:
    with pytest.raises(BenchmarkError) as caught:
        load(OXFORD | {"tower_1_query.txt": text})

    assert str(caught.value) == "tower_1_query.txt must hold an image name and four numbers"


def test_a_folder_without_query_files_is_refused() -> None:
    with pytest.raises(BenchmarkError, match=r"no \*_query\.txt in the ground truth: paris6k needs"):
        load({"tower_1_good.txt": "tower_000001"}, "paris6k")


def test_a_missing_image_is_named_unless_a_subset_is_allowed() -> None:
    present = ["gate_000007", "tower_000001", "tower_000003"]

    with pytest.raises(BenchmarkError, match=r"1 of the 4 images .* first 'tower_000002'"):
        load(OXFORD).on(present, subset=False)
    reduced = load(OXFORD).on(present, subset=True).modes
    assert [query.positives for query in reduced["cropped"]] == [{"gate_000007"}, {"tower_000001", "tower_000003"}]
