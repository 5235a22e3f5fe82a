"""INSTRE: the MATLAB file of Iscen et al., written here in its published structure."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from osrmac.errors import BenchmarkError
from osrmac.evaluation import protocols
from osrmac.evaluation.benchmark import Benchmark
from osrmac.types import Rank

IMAGES = ["INSTRE-S1/01a_book/001.jpg", "INSTRE-S1/01a_book/002.jpg", "INSTRE-S2/02_cup/001.jpg"]
QUERIES = ["INSTRE-S1/01a_book/003.jpg", "INSTRE-S2/02_cup/007.jpg"]
POSITIVES = [[1, 2], [3]]
CORNERS = [[100, 50, 160, 90], [5, 6, 70, 80]]
SIZES = [[100, 50, 60, 40], [5, 6, 65, 74]]


def cells(values: Sequence[Any]) -> np.ndarray:
    """A cell array of one row."""
    array = np.empty((1, len(values)), object)
    array[0, :] = values
    return array


def mat(boxes: Sequence[Any] = CORNERS, positives: Sequence[Any] = POSITIVES, **changes: Any) -> bytes:
    gnd = np.zeros((1, len(boxes)), [("ok", object), ("bbx", object)])
    for number, (ok, box) in enumerate(zip(positives, boxes, strict=True)):
        gnd[0, number] = (np.array([ok], np.float64), np.array([box]))
    variables = {"imlist": cells(IMAGES), "qimlist": cells(QUERIES), "gnd": gnd} | changes
    buffer = io.BytesIO()
    savemat(buffer, {name: value for name, value in variables.items() if value is not None})  # type: ignore[arg-type]
    return buffer.getvalue()


def load(content: bytes) -> Benchmark:
    return protocols.load("instre", {"gnd_instre.mat": content}, collection=(), subset=False)


def test_positions_count_from_one_and_names_have_folders() -> None:
    instre = load(mat())
    assert [(query.name, set(query.positives)) for query in instre.modes["whole"]] == [
        ("INSTRE-S1/01a_book/003.jpg", set(IMAGES[:2])),
        ("INSTRE-S2/02_cup/007.jpg", {IMAGES[2]}),
    ]
    assert instre.outside == set(QUERIES)
    assert instre.naming("data/instre/INSTRE-S1/01a_book/001.jpg") == IMAGES[0]
    assert instre.size == 27293


@pytest.mark.parametrize("boxes", [CORNERS, SIZES])
def test_boxes_are_read_as_corners_or_as_sizes_as_their_values_show(boxes: list[list[int]]) -> None:
    modes = load(mat(boxes)).modes
    assert [query.box for query in modes["cropped"]] == [tuple(box) for box in CORNERS]
    assert {query.box for query in modes["whole"]} == {None}


def test_scores_are_trapezoidal_and_rectangular() -> None:
    instre = load(mat())
    ranks = {IMAGES[0]: Rank.untied(0), IMAGES[1]: Rank.untied(2)}
    assert instre.score(instre.modes["whole"][0], ranks) == pytest.approx(
        {"mAP": 100 * (1 + (1 / 2 + 2 / 3) / 2) / 2, "mAP@all": 100 * (1 + 2 / 3) / 2}
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a MATLAB file of version 5"),
        (b"garbage", "is not a MATLAB file of version 5"),
        (mat()[:300], "is not a MATLAB file of version 5|has no variable"),
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF", "is not a MATLAB file of version 5"),
        (mat(gnd=None), "has no variable 'gnd'"),
        (mat(imlist=np.array([1.0, 2.0])), "'imlist' must list names"),
        (mat(qimlist=cells(QUERIES[:1])), "'gnd' must have the positives and the box of each of the 1 queries"),
        (mat(gnd=np.array([1.0, 2.0])), "'gnd' must have the positives"),
        (mat(qimlist=cells([QUERIES[0], QUERIES[0]])), "names an image twice"),
        (mat(positives=[[0, 1], [3]]), r"query '.*/003\.jpg': 0\.0 is not a position from 1 to 3"),
        (mat(positives=[[1], [4]]), r"4\.0 is not a position from 1 to 3"),
        (mat(positives=[[], [3]]), "has no positives"),
        (mat([[1, 2, 3], [1, 2, 3, 4]]), "each box must be four numbers"),
        (mat([[1, 2, 3, float("nan")], [1, 2, 3, 4]]), "each box must be four numbers"),
        (mat([[100, 50, 60, 0], [5, 6, 70, 80]]), "neither left, top, right, bottom nor left, top, width, height"),
    ],
)
def test_malformed_files_are_named_in_one_line(content: bytes, message: str) -> None:
    with pytest.raises(BenchmarkError, match=rf"^gnd_instre\.mat.*({message})") as caught:
        load(content)
    assert "\n" not in str(caught.value)


def test_several_files_are_refused() -> None:
    with pytest.raises(BenchmarkError, match=r"instre needs one file as its ground truth, gnd_instre\.mat, not 2"):
        protocols.load("instre", {"a": b"", "b": b""}, collection=(), subset=False)
