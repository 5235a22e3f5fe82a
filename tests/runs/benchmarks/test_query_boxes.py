"""Boxes of queries against the sizes of their images."""

from pathlib import Path

import pytest

from osrmac.errors import BenchmarkError
from osrmac.evaluation.benchmark import Benchmark, Query
from osrmac.runs.benchmarks.query_boxes import check_boxes
from osrmac.storage.run import Run
from osrmac.types import Box
from tests.tiny_run import tiny_run

IDS = {"tower": "a/tower.jpg", "gate": "gate.jpg"}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Pictures of 640x480 and 200x300 pixels."""
    vectors = {"a/tower.jpg": [1.0], "gate.jpg": [2.0]}
    return tiny_run(tmp_path / "run", {"single": vectors}, sizes={"gate.jpg": (200, 300)})


def check(run: Run, *boxes: Box | None, image: str = "tower") -> None:
    queries = tuple(Query(f"q{number}", image, frozenset({image}), box=box) for number, box in enumerate(boxes))
    check_boxes(run, Benchmark("tiny", {"cropped": queries}, ("mAP",), None), IDS)


def test_boxes_inside_their_images_pass_in_silence(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    check(run, (0, 0, 640, 480), (10.5, 20, 30, 40), None)
    assert capsys.readouterr().err == ""


def test_boxes_a_little_beyond_their_images_are_noted(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    check(run, (-3, 0, 100, 100), (0, 0, 660, 480), (0, 0, 9, 9))
    assert capsys.readouterr().err == "2 of 3 boxes of tiny reach a little beyond their images: clipped\n"


@pytest.mark.parametrize(
    ("box", "shown"),
    [
        ((136, 34, 800, 400), "136 34 800 400"),
        ((0, 0, 100, 510.5), "0 0 100 510.5"),
        ((-60, 0, 100, 100), "-60 0 100 100"),
        ((1000, 1000, 1100, 1100), "1000 1000 1100 1100"),
    ],
)
def test_a_box_of_another_image_size_is_refused(run: Run, box: Box, shown: str) -> None:
    with pytest.raises(BenchmarkError) as caught:
        check(run, (0, 0, 10, 10), box)
    assert str(caught.value) == (
        f"the box of query 'q1' of tiny, {shown}, does not fit its image of 640x480 pixels: the ground truth is of "
        "images of another size, scale its boxes or describe the original images"
    )
    with pytest.raises(BenchmarkError, match="200x300"):
        check(run, (0, 0, 640, 480), image="gate")


@pytest.mark.parametrize("box", [(10, 10, 10, 20), (10, 20, 20, 10), (0, 0, float("nan"), 9), (5, 5, 5.2, 9)])
def test_an_empty_box_is_refused(run: Run, box: Box) -> None:
    with pytest.raises(BenchmarkError, match=r"^the box of query 'q0' of tiny, .*, is empty$"):
        check(run, box)
