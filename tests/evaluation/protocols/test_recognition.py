"""Ground truth that is given for the wrong benchmark."""

import json
import pickle
from typing import Any, get_args

import pytest

from osrmac.config import BenchmarkName
from osrmac.errors import BenchmarkError
from osrmac.evaluation import protocols
from osrmac.evaluation.protocols.recognition import NEEDED, check_kind


def lists(images: list[str], **record: Any) -> dict[str, Any]:
    return {"imlist": images, "qimlist": images, "gnd": [{"bbx": [0, 0, 9, 9], "junk": [], **record}]}


OXFORD = ["all_souls_000013", "ashmolean_000058"]
PARIS = ["paris_defense_000605"]
UNREVISITED_OXFORD = pickle.dumps(lists([*OXFORD, *OXFORD], ok=[0]))
UNREVISITED_PARIS = pickle.dumps(lists(PARIS, ok=[0]))
REVISITED_PARIS = json.dumps(lists(PARIS, easy=[0], hard=[])).encode()
VGG_PARIS = {"defense_1_query.txt": b"paris_defense_000605 1 2 3 4", "defense_1_good.txt": b""}
ILIAS = {"image_query_ids.txt": b"a/query/b.jpg,x", "positive_ids.txt": b"a/pos/b.jpg,1,2"}


@pytest.mark.parametrize(
    ("name", "files", "message"),
    [
        (
            "roxford5k",
            {"gnd_oxford5k.pkl": UNREVISITED_OXFORD},
            "gnd_oxford5k.pkl is the ground truth of the unrevisited oxford5k, as lists, which osrmac does not read: "
            "roxford5k needs gnd_roxford5k.pkl",
        ),
        (
            "oxford5k",
            {"gnd_oxford5k.pkl": UNREVISITED_OXFORD},
            "gnd_oxford5k.pkl is the ground truth of the unrevisited oxford5k, as lists, which osrmac does not read: "
            "oxford5k needs the folder of VGG's text files",
        ),
        (
            "paris6k",
            {"gnd_paris6k.pkl": UNREVISITED_PARIS},
            "gnd_paris6k.pkl is the ground truth of the unrevisited paris6k, as lists, which osrmac does not read: "
            "paris6k needs the folder of VGG's text files",
        ),
        (
            "roxford5k",
            {"gnd.json": REVISITED_PARIS},
            "gnd.json is the ground truth of rparis6k: roxford5k needs gnd_roxford5k.pkl",
        ),
        (
            "oxford5k",
            VGG_PARIS,
            "defense_1_query.txt is a query of paris6k: oxford5k needs the folder of VGG's text files",
        ),
        ("groups", {"s.csv": b"id,images,Usage\n"}, "s.csv is the ground truth of gldv2: groups needs a CSV with the"),
        (
            "gldv2",
            {"g.csv": b"id,group,query\r\n"},
            "g.csv is a CSV of groups: gldv2 needs retrieval",
        ),
        ("ilias", {"g.mat": b"MATLAB 5.0 MAT-file"}, "g.mat is a MATLAB file, as instre has: ilias needs the folder"),
        ("gldv2", ILIAS, "image_query_ids.txt is a list of ilias: gldv2 needs retrieval_solution_v2.1.csv"),
        ("ukbench", VGG_PARIS, "defense_1_query.txt is a query of paris6k: ukbench needs no ground truth"),
    ],
)
def test_ground_truth_of_another_benchmark_is_recognised(name: str, files: dict[str, bytes], message: str) -> None:
    with pytest.raises(BenchmarkError) as caught:
        protocols.load(name, files, collection=(), subset=False)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("rparis6k", {"gnd.json": REVISITED_PARIS}),
        ("paris6k", VGG_PARIS),
        ("oxford5k", {"a_1_query.txt": b"oxc1_my_photo 1 2 3 4"}),
        ("oxford5k", {"a_1_query.txt": b"paris_by_night 1 2 3 4"}),
        ("oxford5k", {"a_1_query.txt": b""}),
        ("roxford5k", {"gnd.pkl": pickle.dumps(lists(["my_photo"], easy=[0]))}),
        ("ilias", ILIAS),
        ("holidays", {"holidays_images.dat": b"100000.jpg\n"}),
        ("groups", {"g.csv": b""}),
        ("groups", {"g.csv": b"\xff\xfe"}),
        ("roxford5k", {"gnd.pkl": b"\x80\x04garbage"}),
        ("roxford5k", {"gnd.json": b'{"qimlist": [], "gnd": []}'}),
        ("roxford5k", {"gnd.json": b'{"qimlist": ["a"], "gnd": [[1]]}'}),
        ("roxford5k", {"gnd.json": b'{"qimlist": ["a"], "gnd": [{"bbx": []}]}'}),
    ],
)
def test_other_ground_truth_is_left_to_the_benchmark(name: str, files: dict[str, bytes]) -> None:
    check_kind(name, files)


def test_the_needs_of_every_benchmark_are_known() -> None:
    assert set(NEEDED) == set(get_args(BenchmarkName))
