"""Boxes of matches against the regions of real feature maps, and against regions that are known."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from osrmac.config import DescriptorConfig, canonical
from osrmac.descriptor.describer import Describer, Description
from osrmac.descriptor.images import decode
from osrmac.descriptor.models.backbones import build, load_weights
from osrmac.descriptor.regions import region_boxes, region_grid
from osrmac.runs import match_boxes
from osrmac.runs.match_boxes import with_boxes
from osrmac.runs.methods import Method, choose_method
from osrmac.runs.shard_reader import find_rows, list_shards
from osrmac.storage.run import Identity, Run
from osrmac.types import Box, Match
from tests.pictures import MANY, photograph, textured
from tests.tiny_run import SIZE, tiny_run

GRID = region_boxes(19, 25, SIZE)
"""Boxes of an image of 640 x 480 pixels, which a ResNet sees at 800 x 600, as 25 x 19 cells."""

REGIONS = len(GRID)


def one_hot(*positions: int) -> np.ndarray:
    return np.eye(REGIONS, dtype=np.float32)[list(positions)]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run whose images have a direction of their own for each region, in another order in each image."""
    everything = one_hot(*range(REGIONS))
    images = {"a.png": everything, "b.png": everything[::-1], "c.jpg": np.roll(everything, 1, axis=0)}
    return tiny_run(tmp_path / "run", {"rmac_regions": images})


def located(run: Run, method: Method, queries: np.ndarray, nearest: list[list[str]]) -> list[list[Box | None]]:
    matches = [[Match(image, rank, 0.0) for rank, image in enumerate(images, 1)] for images in nearest]
    rows = find_rows({image for images in nearest for image in images}, list_shards(run))
    found = with_boxes(run, method, queries, matches, rows, "l1")
    assert [[replace(match, box=None) for match in of_query] for of_query in found] == matches
    return [[match.box for match in of_query] for of_query in found]


def test_the_box_of_a_match_is_that_of_its_region_nearest_to_the_query(run: Run) -> None:
    method = choose_method(run, "rmac_regions+match", regions=True)
    last = REGIONS - 1

    found = located(run, method, one_hot(0, 5), [["a.png", "b.png", "c.jpg"], ["c.jpg", "a.png"]])

    assert found == [[GRID[0], GRID[last], GRID[1]], [GRID[6], GRID[5]]]
    assert GRID[0] == (0, 0, 486, 480)


def test_the_largest_of_equally_near_regions_is_shown(tmp_path: Path) -> None:
    same = tiny_run(tmp_path / "run", {"rmac_regions": {"a.png": np.ones((REGIONS, 2))}})
    method = choose_method(same, None, regions=True)
    assert located(same, method, np.ones((1, 2), np.float32), [["a.png"]]) == [[GRID[0]]]


def test_regions_that_do_not_fit_the_image_are_noted_and_have_no_box(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = tiny_run(tmp_path / "run", {"rmac_regions": {"a.png": np.ones((3, 2)), "b.png": np.ones((REGIONS, 2))}})
    method = choose_method(odd, None, regions=True)
    found = located(odd, method, np.ones((1, 2), np.float32), [["a.png", "b.png"]])
    assert found == [[None, GRID[0]]]
    assert "1 matches have no box, as their regions are not those of an image of their size, first a.png" in (
        capsys.readouterr().err
    )


def test_regions_of_a_recipe_of_ones_own_have_no_box(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(match_boxes, "map_sizes")
    method = Method("own_regions+match", "", ("own_regions",), regional=True, best_region=True)
    assert located(run, method, one_hot(0), [["a.png"]]) == [[None]]


def finder(config: DescriptorConfig, layer: str, folder: Path) -> Callable[[dict[str, Any], int], list[Box] | None]:
    """Return the function from rows to boxes of a run with this configuration."""
    run = Run(str(folder))
    values = canonical(config, layers=(layer,), weights="digest")
    run.open(Identity(config, values, "", {"rmac_regions": (4,)}, ("rmac_regions",)), "photos", {})
    return match_boxes._box_finder(run)


SHAPES = [(90, 60), (41, 130), (303, 401), (783, 501)]


@pytest.mark.parametrize("backbone", ["resnet18", "efficientnet_lite0"])
def test_boxes_are_those_of_the_map_that_was_pooled(backbone: str, tmp_path: Path) -> None:
    """Large JPEGs are decoded at half their size or less, which changes the aspect ratio of odd sizes."""
    config = DescriptorConfig(backbone=backbone, weights="random:0", recipes=("rmac_regions",), image_sizes=(97, 130))
    network = build(backbone, (), load_weights(backbone, "random:0").state)
    boxes_of = finder(config, network.layers[0], tmp_path / "run")
    describer = Describer(network, config)
    for number, (shape, kind) in enumerate(product(SHAPES, ("JPEG", "PNG"))):
        content = photograph(np.asarray(textured(*shape)), 1 + number % 8, kind)
        (description,) = describer([content])
        assert isinstance(description, Description)
        assert (description.width, description.height) == shape
        stored = description.vectors["rmac_regions"]
        row = {"uri": f"photo.{kind.lower()}", "width": shape[0], "height": shape[1]}

        found = boxes_of(row, len(stored))

        image, _ = decode(content, max_pixels=MANY, min_longest_side=130)
        maps = describer.feature_maps(image)[1][0]
        height, width = maps.shape[-2:]
        assert found == region_boxes(height, width, shape)
        for vector, (top, left, side) in zip(stored, region_grid(height, width), strict=True):
            largest = maps[:, top : top + side, left : left + side].amax(dim=(-2, -1)).numpy()
            np.testing.assert_allclose(vector, largest / max(np.linalg.norm(largest), 1e-12), atol=1e-5)


def test_the_number_of_regions_tells_at_which_size_a_misnamed_file_was_decoded(tmp_path: Path) -> None:
    """At a longest side of 64, 129 x 66 pixels give 2 x 2 cells; as a JPEG they become 65 x 33, and 2 x 1 cells."""
    config = DescriptorConfig(backbone="resnet18", recipes=("rmac_regions",), image_sizes=(64,))
    boxes_of = finder(config, "layer4", tmp_path / "run")
    for name in ("photo.JPG", "photo.png"):
        row = {"uri": f"/photos/{name}", "width": 129, "height": 66}
        found = [boxes_of(row, number) for number in (14, 26, 20)]
        assert found == [region_boxes(2, 2, (129, 66)), region_boxes(1, 2, (129, 66)), None]


def test_a_large_jpeg_has_the_boxes_of_the_half_size_at_which_it_was_decoded(tmp_path: Path) -> None:
    """2101 x 1262 pixels become 800 x 481, but as a JPEG they are decoded to 1051 x 631, and become 800 x 480."""
    boxes_of = finder(DescriptorConfig(backbone="resnet18", recipes=("rmac_regions",)), "layer4", tmp_path / "run")
    row = {"width": 2101, "height": 1262}
    assert boxes_of(row | {"uri": "/photos/a.png"}, 20) == region_boxes(16, 25, (2101, 1262))
    assert boxes_of(row | {"uri": "/photos/a.jpg"}, 20) == region_boxes(15, 25, (2101, 1262))
