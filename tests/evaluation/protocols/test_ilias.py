"""ILIAS: lists of ids with folders, and boxes of left, top, width and height."""

from collections.abc import Mapping

import pytest

from osrmac.errors import BenchmarkError
from osrmac.evaluation import protocols
from osrmac.evaluation.benchmark import Benchmark
from osrmac.types import Rank

FILES = {
    "image_query_ids.txt": """cup_000/query/Q000_00.jpg,catalogue
cup_000/query/Q000_01.jpg,own
bear_001/query/Q001_00.jpg,own
""",
    "positive_ids.txt": """cup_000/pos/P000_00.jpg,0.25,12
cup_000/pos/P000_01.jpg,0.5,3
bear_001/pos/P001_00.jpg,0.1,60
""",
    "text_query_ids.txt": "cup_000/query/T000.txt\nbear_001/query/T001.txt\n",
}
BOXES = {
    "Q000_00_bbox.txt": "10 20 30 40\n",
    "Q000_01_bbox.txt": "10 20 30 40\n5 50 10 20\n",
    "Q001_00_bbox.txt": "0 0 7 9",
}


def load(files: Mapping[str, str] = FILES) -> Benchmark:
    contents = {name: text.encode() for name, text in files.items()}
    return protocols.load("ilias", contents, collection=(), subset=False)


def test_images_of_the_same_object_are_relevant_and_queries_are_outside() -> None:
    ilias = load()
    assert list(ilias.modes) == ["whole"]
    assert [(query.name, query.image, query.box, set(query.positives)) for query in ilias.modes["whole"]] == [
        (name, name, None, positives)
        for name, positives in (
            ("cup_000/query/Q000_00.jpg", {"cup_000/pos/P000_00.jpg", "cup_000/pos/P000_01.jpg"}),
            ("cup_000/query/Q000_01.jpg", {"cup_000/pos/P000_00.jpg", "cup_000/pos/P000_01.jpg"}),
            ("bear_001/query/Q001_00.jpg", {"bear_001/pos/P001_00.jpg"}),
        )
    ]
    assert ilias.outside == {query.image for query in ilias.modes["whole"]}
    assert (ilias.measures, ilias.size) == (("mAP@1000",), 4715)


def test_images_are_named_by_the_end_of_their_path() -> None:
    ilias = load()
    assert ilias.naming("ilias_core/cup_000/pos/P000_00.jpg") == "cup_000/pos/P000_00.jpg"
    assert ilias.naming("yfcc100m-000003.tar/0f09.jpg") == "yfcc100m-000003.tar/0f09.jpg"
    collection = [f"ilias_core/{name}" for name in ilias.images]
    assert ilias.on(ilias.names_of(collection), subset=False) == ilias


def test_boxes_are_corner_and_size_and_several_are_enclosed() -> None:
    assert [query.box for query in load({**FILES, **BOXES}).modes["cropped"]] == [
        (10, 20, 40, 60),
        (5, 20, 40, 70),
        (0, 0, 7, 9),
    ]


def test_relevant_images_beyond_rank_1000_do_not_count() -> None:
    ilias = load()
    ranks = {"cup_000/pos/P000_00.jpg": Rank.untied(3), "cup_000/pos/P000_01.jpg": Rank.untied(1000)}
    assert ilias.score(ilias.modes["whole"][0], ranks) == {"mAP@1000": 100 * (1 / 4) / 2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positive_ids.txt": None}, r"the ground truth lacks positive_ids\.txt: ilias needs the folder image_ids"),
        ({"image_query_ids.txt": None}, r"the ground truth lacks image_query_ids\.txt"),
        ({"positive_ids.txt": "\n"}, r"positive_ids\.txt must list at least one id, and each id once"),
        ({"positive_ids.txt": "a/pos/b.jpg\na/pos/b.jpg\n"}, r"positive_ids\.txt must list .* each id once"),
        ({"positive_ids.txt": "P000_00.jpg\n"}, r"positive_ids\.txt: 'P000_00\.jpg' is not an id such as object/pos"),
        ({"positive_ids.txt": "cup_000/pos/P.jpg\n"}, r"'bear_001/query/Q001_00\.jpg' has no relevant image"),
        (BOXES | {"Q001_00_bbox.txt": None}, r"the ground truth lacks Q001_00_bbox\.txt: add the boxes of all"),
        (BOXES | {"Q001_00_bbox.txt": "1 2 3"}, r"Q001_00_bbox\.txt must hold four numbers a line"),
        (BOXES | {"Q001_00_bbox.txt": ""}, r"Q001_00_bbox\.txt must hold four numbers a line"),
    ],
)
def test_missing_and_malformed_files_are_named(changes: dict[str, str | None], message: str) -> None:
    files = {name: text for name, text in {**FILES, **changes}.items() if text is not None}
    with pytest.raises(BenchmarkError, match=message):
        load(files)
