"""Revisited Oxford and Paris: three degrees of difficulty, from a pickle or JSON."""

import json
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osrmac.errors import BenchmarkError
from osrmac.evaluation import protocols
from osrmac.evaluation.benchmark import Benchmark
from osrmac.types import Rank

IMAGES = ["easy1", "hard1", "blurred", "easy2", "hard2", "other", "gate1"]
TRUTH: dict[str, Any] = {
    "imlist": IMAGES,
    "qimlist": ["tower", "gate"],
    "gnd": [
        {"bbx": [1, 2.5, 30, 40], "easy": [0, 3], "hard": [1, 4], "junk": [2]},
        {"bbx": [0, 0, 9, 9], "easy": [], "hard": [6], "junk": []},
    ],
}


def load(content: bytes | Mapping[str, Any], name: str = "roxford5k") -> Benchmark:
    if not isinstance(content, bytes):
        content = pickle.dumps(content)
    return protocols.load(name, {"gnd.pkl": content}, collection=(), subset=False)


def changed(query: int = 0, **fields: object) -> dict[str, Any]:
    """Return the ground truth with some fields of one query replaced."""
    return TRUTH | {"gnd": [*TRUTH["gnd"][:query], TRUTH["gnd"][query] | fields, *TRUTH["gnd"][query + 1 :]]}


def as_arrays(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: np.array(part) if key in {"bbx", "easy", "hard", "junk"} else as_arrays(part)
            for key, part in value.items()
        }
    return [as_arrays(part) for part in value] if isinstance(value, list) else value


def test_positives_and_junk_depend_on_the_mode() -> None:
    modes = load(TRUTH).modes
    tower = {mode: queries[0] for mode, queries in modes.items()}
    query_images = {"tower", "gate"}

    assert {mode: query.positives for mode, query in tower.items()} == {
        "easy": {"easy1", "easy2"},
        "medium": {"easy1", "easy2", "hard1", "hard2"},
        "hard": {"hard1", "hard2"},
    }
    assert {mode: query.junk - query_images for mode, query in tower.items()} == {
        "easy": {"blurred", "hard1", "hard2"},
        "medium": {"blurred"},
        "hard": {"blurred", "easy1", "easy2"},
    }
    assert all(query_images <= query.junk for queries in modes.values() for query in queries)
    assert {(query.name, query.image, query.box) for query in tower.values()} == {("tower", "tower", (1, 2.5, 30, 40))}


def test_a_query_is_left_out_of_modes_without_positives() -> None:
    modes = load(TRUTH).modes

    assert {mode: [query.name for query in queries] for mode, queries in modes.items()} == {
        "easy": ["tower"],
        "medium": ["tower", "gate"],
        "hard": ["tower", "gate"],
    }


def test_a_mode_without_queries_is_left_out() -> None:
    truth = changed(0, easy=[])

    assert list(load(truth).modes) == ["medium", "hard"]
    with pytest.raises(BenchmarkError, match="roxford5k has no query mode 'easy': choose from medium, hard"):
        load(truth).in_modes(["easy"])
    with pytest.raises(BenchmarkError, match=r"gnd\.pkl has no query with a positive image"):
        load({"imlist": [], "qimlist": [], "gnd": []})


@pytest.mark.parametrize(("name", "size"), [("roxford5k", 4993), ("rparis6k", 6322)])
def test_the_size_excludes_the_query_images(name: str, size: int) -> None:
    benchmark = load(TRUTH, name)

    assert (benchmark.name, benchmark.size, benchmark.measures) == (name, size, ("mAP", "mP@1", "mP@5", "mP@10"))
    assert benchmark.outside == {"tower", "gate"}


def test_scores_match_hand_computed_values() -> None:
    ranking = ["tower", "hard1", "gate", "easy1", "blurred", "other", "easy2", "gate1", "hard2"]
    ranks = {image: Rank.untied(rank) for rank, image in enumerate(ranking)}
    benchmark = load(TRUTH)
    (easy,), (medium, gate), (hard, _) = benchmark.modes.values()

    # Without junk: easy1, other, easy2, gate1. The last positive is third.
    assert benchmark.score(easy, ranks) == pytest.approx(
        {"mAP": 100 * (1 + (1 / 2 + 2 / 3) / 2) / 2, "mP@1": 100, "mP@5": 200 / 3, "mP@10": 200 / 3}
    )
    # Without junk: hard1, easy1, other, easy2, gate1, hard2.
    assert benchmark.score(medium, ranks) == pytest.approx(
        {
            "mAP": 100 * (1 + 1 + (2 / 3 + 3 / 4) / 2 + (3 / 5 + 4 / 6) / 2) / 4,
            "mP@1": 100,
            "mP@5": 60,
            "mP@10": 400 / 6,
        }
    )
    # Without junk: hard1, other, gate1, hard2.
    assert benchmark.score(hard, ranks) == pytest.approx(
        {"mAP": 100 * (1 + (1 / 3 + 2 / 4) / 2) / 2, "mP@1": 100, "mP@5": 50, "mP@10": 50}
    )
    # Without the two query images, gate1 is sixth of seven.
    assert benchmark.score(gate, ranks) == pytest.approx(
        {"mAP": 100 * (0 + 1 / 6) / 2, "mP@1": 0, "mP@5": 0, "mP@10": 100 / 6}
    )


def compute_map(ranked: Sequence[str], ok: set[str], junk: set[str], kappas: Sequence[int]) -> list[float]:
    """AP and P@k of one query, transcribed from the authors' compute_map."""
    places = [place for place, image in enumerate(ranked) if image in ok]
    junk_places = [place for place, image in enumerate(ranked) if image in junk]
    places = [place - sum(before < place for before in junk_places) for place in places]
    ap = 0.0
    for hits, place in enumerate(places):
        precision_0 = 1.0 if place == 0 else hits / place
        precision_1 = (hits + 1) / (place + 1)
        ap += (precision_0 + precision_1) / len(ok) / 2
    positions = np.array(places) + 1
    cuts = [min(max(positions), kappa) for kappa in kappas]
    return [ap, *((positions <= cut).sum() / cut for cut in cuts)]


@given(st.lists(st.sampled_from(["easy", "hard", "junk", "neither"]), min_size=1, max_size=30), st.randoms())
def test_scores_equal_the_authors_evaluation_code(kinds: list[str], random: Any) -> None:
    images = [str(number) for number in range(len(kinds))]
    judged = {kind: [place for place, other in enumerate(kinds) if other == kind] for kind in ("easy", "hard", "junk")}
    named = {kind: {images[place] for place in places} for kind, places in judged.items()}
    # Every image is easy for a second query, so that at least one query has positives.
    other = {"bbx": [0, 0, 1, 1], "easy": [*range(len(images))], "hard": [], "junk": []}
    truth = {"imlist": images, "qimlist": ["q", "r"], "gnd": [{"bbx": [0, 0, 1, 1], **judged}, other]}
    ranked = random.sample([*images, "q", "r"], len(images) + 2)
    benchmark = load(truth)

    scores = {
        mode: [
            value / 100
            for value in benchmark.score(
                queries[0], {image: Rank.untied(rank) for rank, image in enumerate(ranked)}
            ).values()
        ]
        for mode, queries in benchmark.modes.items()
        if queries[0].name == "q"
    }

    database = [image for image in ranked if image not in {"q", "r"}]
    expected = {
        mode: compute_map(database, ok, junk, (1, 5, 10))
        for mode, ok, junk in (
            ("easy", named["easy"], named["junk"] | named["hard"]),
            ("medium", named["easy"] | named["hard"], named["junk"]),
            ("hard", named["hard"], named["junk"] | named["easy"]),
        )
        if ok
    }
    assert scores.keys() == expected.keys()
    for mode, values in expected.items():
        assert scores[mode] == pytest.approx(values, abs=1e-12)


@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
@pytest.mark.parametrize("form", [lambda truth: truth, as_arrays], ids=["lists", "arrays"])
def test_json_and_pickles_load_equally(form: Callable[[Any], Any], protocol: int) -> None:
    expected = load(json.dumps(TRUTH, indent=1).encode())

    assert expected.modes["hard"][1].positives == {"gate1"}
    assert load(pickle.dumps(form(TRUTH), protocol)) == expected


def test_a_byte_order_mark_before_json_is_skipped() -> None:
    assert load(b"\xef\xbb\xbf\n" + json.dumps(TRUTH).encode()) == load(TRUTH)


def test_additional_fields_are_ignored() -> None:
    more = changed(1, difficulty=[1], bbx=(0, 0, 9, 9)) | {"dataset": "roxford5k", "n": np.int64(7)}

    assert load(more) == load(TRUTH)


def test_names_may_be_paths() -> None:
    truth = TRUTH | {"imlist": [f"jpg/{name}.jpg" for name in IMAGES], "qimlist": ["tower.jpg", "gate.jpg"]}

    assert load(truth) == load(TRUTH)


def test_a_malicious_pickle_is_refused_without_running_it(tmp_path: Path) -> None:
    class Malicious:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
            return Path.touch, (tmp_path / "trace",)

    content = pickle.dumps(TRUTH | {"more": Malicious()})
    pickle.loads(content)
    (tmp_path / "trace").unlink()

    with pytest.raises(BenchmarkError, match=r"^gnd\.pkl is neither JSON nor a pickle of plain data: .* it names"):
        load(content)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    "content", [b"", b"garbage\n\n", b"\x80\x04", b'{"imlist": [', b"{\xff}", b'{"a":' * 10**5], ids=range(6)
)
def test_other_formats_are_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(BenchmarkError, match=r"^gnd\.pkl is neither JSON nor a pickle of plain data: [^\n]+$"):
        load(content)


def without(key: str) -> dict[str, Any]:
    return {other: value for other, value in TRUTH.items() if other != key}


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (["imlist"], " has no list 'imlist'"),
        (without("imlist"), " has no list 'imlist'"),
        (without("qimlist"), " has no list 'qimlist'"),
        (without("gnd"), " has no list 'gnd'"),
        (TRUTH | {"gnd": {}}, " has no list 'gnd'"),
        (TRUTH | {"imlist": [*IMAGES, 7]}, ": 'imlist' must list names"),
        (TRUTH | {"imlist": [*IMAGES, "hard1"]}, " names 'hard1' twice"),
        (TRUTH | {"qimlist": ["tower", "tower"]}, " names 'tower' twice"),
        (TRUTH | {"qimlist": ["tower", "gate1"]}, " names 'gate1' twice"),
        (TRUTH | {"qimlist": ["tower"]}, " names 1 queries, but judges 2"),
        (TRUTH | {"gnd": [None, None]}, ", query 'tower' has no list 'easy'"),
        (changed(1, hard=None), ", query 'gate' has no list 'hard'"),
        (changed(0, junk=7), ", query 'tower' has no list 'junk'"),
        (changed(0, easy=[0, 7]), ", query 'tower': 'easy' lists 7, which is not a position among 7 images"),
        (changed(0, hard=[-1]), ", query 'tower': 'hard' lists -1, which is"),
        (changed(0, junk=["a\nb"]), r", query 'tower': 'junk' lists 'a\\nb', which is"),
        (changed(0, junk=np.array([0.5])), ", query 'tower': 'junk' lists 0.5, which is"),
        (changed(1, bbx=None), ", query 'gate' has no list 'bbx'"),
        (changed(1, bbx=[1, 2, 3]), ", query 'gate': 'bbx' must hold four numbers"),
        (changed(1, bbx=[1, 2, 3, "wide"]), ", query 'gate': 'bbx' must hold four numbers"),
        (changed(1, bbx=[1, 2, 3, None]), ", query 'gate': 'bbx' must hold four numbers"),
    ],
)
def test_a_missing_or_malformed_part_is_named_in_one_line(truth: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchmarkError, match=rf"^gnd\.pkl{message}") as caught:
        load(truth)

    assert "\n" not in str(caught.value)


def test_several_files_are_refused() -> None:
    with pytest.raises(BenchmarkError, match=r"rparis6k needs one file as its ground truth, gnd_rparis6k\.pkl, not 2"):
        protocols.load("rparis6k", {"a_good.txt": b"", "a_ok.txt": b""}, collection=(), subset=False)


def test_missing_query_images_are_named() -> None:
    with pytest.raises(BenchmarkError, match=r"1 of the 7 images that roxford5k needs .* first 'tower'"):
        load(TRUTH).on([*IMAGES, "gate"], subset=False)
    assert load(TRUTH).on([*IMAGES, "gate", "tower"], subset=False) == load(TRUTH)
