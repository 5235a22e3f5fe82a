"""The demo collection: distinct scenes, reproducible views, and files that are written only once."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from osrmac import demo_collection as demo
from osrmac.demo_collection import SCENES, VIEWS, Collection, Scene, View, make_collection, render
from osrmac.errors import ConfigError

VIEWS_OF_SCENES = [(scene, number) for scene in SCENES for number in range(1, VIEWS + 1)]


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return make_collection(tmp_path_factory.mktemp("demo"))


def contents(collection: Collection) -> dict[str, bytes]:
    return {
        file.relative_to(collection.images).as_posix(): file.read_bytes()
        for file in collection.images.rglob("*")
        if file.is_file()
    }


def visible(scene: Scene, number: int) -> NDArray[np.bool_]:
    """Return the pixels of a scene that a view shows, as a mask."""
    mask = Image.new("1", scene.size)
    corners = View.of(scene, number).corners(scene.size)
    ImageDraw.Draw(mask).polygon([(x, y) for x, y in corners.tolist()], fill=1)
    return np.asarray(mask)


def test_there_are_enough_scenes_and_views() -> None:
    assert len({scene.name for scene in SCENES}) == len(SCENES) >= 12
    assert VIEWS >= 5
    assert 100 <= len(SCENES) * VIEWS <= 130


def test_scenes_of_one_photograph_do_not_overlap() -> None:
    for one, other in combinations(SCENES, 2):
        if one.photograph == other.photograph:
            overlap_left, overlap_top = np.maximum(one.box[:2], other.box[:2])
            overlap_right, overlap_bottom = np.minimum(one.box[2:], other.box[2:])
            assert overlap_left >= overlap_right or overlap_top >= overlap_bottom, f"{one.name}, {other.name}"


def test_only_one_image_of_the_stereo_pair_is_used() -> None:
    assert not any("motorcycle_right" in scene.photograph for scene in SCENES)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_scene_is_inside_its_photograph(scene: Scene) -> None:
    photograph = demo._photograph(scene.photograph)
    left, top, right, bottom = scene.box
    assert 0 <= left < right <= photograph.width
    assert 0 <= top < bottom <= photograph.height


@pytest.mark.parametrize(("scene", "number"), VIEWS_OF_SCENES, ids=lambda value: getattr(value, "name", value))
def test_a_view_shows_its_scene_and_another_around_it(scene: Scene, number: int) -> None:
    view = View.of(scene, number)
    corners = view.corners(scene.size)
    mask = np.asarray(demo._warp(Image.new("L", scene.size, 255), view))
    if view.zoom <= 1:
        assert (corners > -1e-9).all()
        assert (corners < np.array(scene.size) + 1e-9).all()
        assert mask.min() == 255
    assert (mask > 127).mean() > 0.2
    if view.occlusion:
        assert np.pi * np.prod(view.occlusion.radii) < 0.3


def test_the_scene_around_an_object_depends_on_the_background_alone() -> None:
    scene = SCENES[0]
    view = replace(View.of(scene, 1), zoom=1.7, occlusion=None, blur=0, quality=95)
    mask = np.asarray(demo._warp(Image.new("L", scene.size, 255), view))
    one, other = (
        np.asarray(Image.open(io.BytesIO(render(scene, replace(view, background=background)))), float)
        for background in (0.1, 0.9)
    )
    difference = np.abs(one - other).mean(axis=2)
    assert difference[mask == 0].mean() > 20
    assert difference[mask == 255].mean() < 2


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_any_two_views_of_a_scene_overlap(scene: Scene) -> None:
    masks = [visible(scene, number) for number in range(1, VIEWS + 1)]
    for one, other in combinations(masks, 2):
        assert (one & other).sum() >= 0.1 * min(one.sum(), other.sum())


def test_the_corners_of_the_image_itself_give_the_identity() -> None:
    scene = SCENES[0]
    image = demo._photograph(scene.photograph).crop(scene.box)
    width, height = image.size
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=float)
    coefficients = demo._perspective(image.size, corners)
    np.testing.assert_allclose(coefficients, [1, 0, 0, 0, 1, 0, 0, 0], atol=1e-9)


def test_the_corners_of_an_image_are_mapped_to_the_corners_of_the_view() -> None:
    corners = np.array([(10.0, 20.0), (200.0, 5.0), (180.0, 150.0), (30.0, 120.0)])
    a, b, c, d, e, f, g, h = demo._perspective((400, 300), corners)
    for (x, y), corner in zip([(0, 0), (400, 0), (400, 300), (0, 300)], corners, strict=True):
        scale = g * x + h * y + 1
        np.testing.assert_allclose([(a * x + b * y + c) / scale, (d * x + e * y + f) / scale], corner)


def test_the_ground_truth_lists_every_file_once(collection: Collection) -> None:
    with collection.ground_truth.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "group"]
    ids = [row["id"] for row in rows]
    assert len(set(ids)) == len(ids)
    assert set(ids) == set(contents(collection))
    assert {row["group"] for row in rows} == {scene.name for scene in SCENES}
    assert all(row["id"].startswith(f"{row['group']}/") for row in rows)


def test_every_view_is_a_valid_image_of_the_documented_size(collection: Collection) -> None:
    for file in collection.images.rglob("*.jpg"):
        with Image.open(file) as image:
            image.load()
            assert image.format == "JPEG"
            assert image.mode == "RGB"
            assert demo.LONGEST_SIDES[0] <= max(image.size) <= demo.LONGEST_SIDES[1]
            assert max(image.size) / min(image.size) < 3


def test_no_view_is_blank(collection: Collection) -> None:
    for file in collection.images.rglob("*.jpg"):
        with Image.open(file) as image:
            assert np.asarray(image.convert("L")).std() > 5, file


def test_the_views_of_a_scene_differ(collection: Collection) -> None:
    files = contents(collection)
    assert len(set(files.values())) == len(files) == len(VIEWS_OF_SCENES)
    for scene in SCENES:
        frames = [View.of(scene, number).corners(scene.size) for number in range(1, VIEWS + 1)]
        for one, other in combinations(frames, 2):
            assert np.abs(one - other).max() > 0.05 * max(scene.size)


@pytest.mark.integration
def test_the_collection_is_reproducible(collection: Collection, tmp_path: Path) -> None:
    again = make_collection(tmp_path)
    assert contents(again) == contents(collection)
    assert again.ground_truth.read_bytes() == collection.ground_truth.read_bytes()


def test_only_missing_and_damaged_files_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SCENES", SCENES[:2])
    collection = make_collection(tmp_path)
    files = sorted(file for file in tmp_path.rglob("*") if file.is_file())
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}
    assert len(files) == 2 * VIEWS + 1

    assert make_collection(tmp_path) == collection
    assert {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in files} == before

    files[0].write_bytes(files[0].read_bytes()[:100])
    files[1].unlink()
    make_collection(tmp_path)
    assert sorted(file for file in tmp_path.rglob("*") if file.is_file()) == files
    assert {file: file.read_bytes() for file in files} == {file: before[file][0] for file in files}
    assert all(file.stat().st_mtime_ns == before[file][1] for file in files[2:])


def test_a_missing_package_is_reported_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    demo._photograph.cache_clear()
    monkeypatch.setattr(demo, "find_spec", lambda _: None)
    with pytest.raises(ConfigError) as caught:
        make_collection(tmp_path)
    assert str(caught.value) == "the demo needs scikit-image: pip install 'osrmac[demo]'"
    assert not list(tmp_path.iterdir())


def test_a_missing_photograph_is_reported() -> None:
    scene = Scene("nowhere", "skimage/data/nowhere.png", (0, 0, 100, 100))
    with pytest.raises(ConfigError, match=r"the demo needs skimage/data/nowhere\.png"):
        render(scene, View.of(scene, 1))


def test_importing_the_module_does_not_import_its_optional_packages() -> None:
    code = (
        "import sys, osrmac.demo_collection; print(*sorted({'torch', 'ray', 'skimage', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
