import inspect
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import osrmac
from osrmac import api
from osrmac.api import RunOptions
from osrmac.cli.commands import COMMANDS
from osrmac.config import DescriptorConfig
from osrmac.errors import NotFoundError
from osrmac.options import select
from osrmac.storage.run import Run as RunFiles
from tests.own_columns import give_columns
from tests.tiny_run import tiny_run


def test_every_command_is_a_function() -> None:
    for name in COMMANDS:
        function = getattr(osrmac, name.replace("-", "_"))
        assert inspect.getdoc(function)
        assert function is getattr(api, function.__name__)


def test_every_public_name_can_be_imported() -> None:
    for name in osrmac.__all__:
        assert getattr(osrmac, name) is not None
    assert set(osrmac.__all__) <= set(dir(osrmac))
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        _ = osrmac.serach


@pytest.mark.parametrize(
    "name",
    [
        "extract",
        "estimate",
        "fit",
        "evaluate",
        "run",
        "demo",
        "search",
        "serve",
        "duplicates",
        "index",
        "overview",
        "sweep",
        "cam",
        "compare",
    ],
)
def test_functions_have_the_options_and_defaults_of_their_command(name: str) -> None:
    configs = [
        parameter.default
        for parameter in inspect.signature(COMMANDS[name], eval_str=True).parameters.values()
        if type(parameter.default).__name__.endswith("Config")
    ]
    parameters = inspect.signature(getattr(osrmac, name)).parameters
    expected = {field.name: getattr(config, field.name) for config in configs for field in fields(config)}
    assert {option: parameters[option].default for option in expected} == expected


def test_misspelt_options_are_refused_with_a_suggestion() -> None:
    with pytest.raises(TypeError, match=r"^search\(\) has no option 'tops', did you mean 'top'\?$"):
        osrmac.search("RUN", "a.jpg", tops=3)  # type: ignore[call-arg]


def test_a_collection_is_extracted_and_searched_from_python(
    photos: Path, finished: RunFiles, small: DescriptorConfig, local_ray: None
) -> None:
    options: dict[str, Any] = {field.name: getattr(small, field.name) for field in fields(small)}
    extraction = osrmac.extract(str(photos), finished.url, **options, workers=1)
    assert (extraction.described, extraction.new) == (26, 0)
    (one,) = osrmac.search(finished.url, "copy1.png", top=2)
    assert [match.id for match in one.matches] == ["copy1.png", "odd/01.png"]
    assert len(osrmac.search(finished.url, ["copy1.png", "even/08.png"])) == 2
    assert osrmac.verify(finished.url) == []
    assert osrmac.duplicates(finished.url, threshold=0, method="single").groups[0][0].id == "copy0.png"


def test_a_run_is_read(finished: RunFiles) -> None:
    run = osrmac.Run(finished.url)
    assert repr(run) == f"Run('{finished.url}')"
    assert run.info().described == 26
    table = run.table()
    assert (table.num_rows, "single" in table.column_names) == (29, False)
    assert run.table(vectors=True).schema.field("single").type.list_size == 512
    ids, vectors = run.vectors("early")
    assert ids == sorted(ids)
    assert vectors.shape == (26, 512)
    row = run.table(vectors=True).filter(run.table()["id"].to_numpy() == "odd/03.png").to_pylist()[0]
    np.testing.assert_array_equal(vectors[ids.index("odd/03.png")], np.array(row["early"], np.float32))
    (result,) = run.search("copy1.png", top=1)
    assert result.matches[0].id == "copy1.png"


def test_the_table_of_a_run_has_the_users_own_columns(tmp_path: Path) -> None:
    files = tiny_run(tmp_path / "run", {"single": {"a": [0], "b": [1]}}, failed={"c": ("fetch", "gone")})
    give_columns(files, {"title": {"a": "A", "c": "C"}, "single": {"a": 1}})
    run = osrmac.Run(files.url)
    assert run.table().select(["id", "title", "single"]).sort_by("id").to_pylist() == [
        {"id": "a", "title": "A", "single": 1},
        {"id": "b", "title": None, "single": None},
        {"id": "c", "title": "C", "single": None},
    ]
    assert run.table(vectors=True).sort_by("id")["single"].to_pylist() == [[0], [1], None]


@pytest.mark.parametrize(
    "read", [osrmac.Run.info, osrmac.Run.table, osrmac.Run.vectors, lambda run: run.search("a.jpg")]
)
def test_a_missing_run_is_an_error_of_the_methods(read: Callable[[osrmac.Run], object], tmp_path: Path) -> None:
    run = osrmac.Run(str(tmp_path))
    with pytest.raises(NotFoundError, match="no run at"):
        read(run)


def test_merged_options_split_into_their_configurations() -> None:
    options = RunOptions(backbone="resnet18", features=(8,))
    assert select(DescriptorConfig, options) == DescriptorConfig(backbone="resnet18")


def test_the_package_is_typed() -> None:
    assert (Path(osrmac.__path__[0]) / "py.typed").exists()
