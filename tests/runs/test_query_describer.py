"""Query images are described and reduced like the images of the run."""

import re
from pathlib import Path

import numpy as np
import pytest

from osrmac.commands.fit import fit
from osrmac.config import ReductionConfig
from osrmac.errors import OsrmacError, StorageError
from osrmac.runs import queries
from osrmac.runs.methods import Method, choose_method
from osrmac.runs.queries import SearchQuery, find_queries
from osrmac.runs.query_describer import QueryDescriber
from osrmac.runs.reductions.reduced_reader import read_shard
from osrmac.runs.shard_reader import list_shards
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from osrmac.types import Matrix

ID = "odd/03.png"


def file_query(file: Path) -> SearchQuery:
    return SearchQuery(file.name, str(file), None, None)


def described(run: Run, method: Method, queries: list[SearchQuery]) -> list[list[Matrix]]:
    found = QueryDescriber(run, method).describe(queries)
    return [outcome for outcome in found if not isinstance(outcome, OsrmacError)]


def stored(run: Run, method_name: str) -> list[Matrix]:
    """Return the vectors of `ID` as a method compares them, one for each recipe."""
    method = choose_method(run, method_name)
    within = [Location.of(shard) for shard in shards.paths(run.descriptors)]
    (shard,) = [shard for shard in within if ID in shards.read(shard, ["id"])["id"].to_pylist()]
    per_recipe = [read_shard(run, shard, recipe, method.reduction) for recipe in method.recipes]
    return [vectors.values[vectors.ids.index(ID)] for vectors in per_recipe]


@pytest.mark.parametrize("name", ["single", "osrmac-pfa-32", "osrmac-pfa-32+cam"])
def test_an_image_gets_the_vectors_of_its_row(name: str, run: Run, photos: Path) -> None:
    fit(run.url, ReductionConfig(features=(32,), retained_variance=0.8, baselines=False))
    found = described(run, choose_method(run, name), [file_query(photos / ID)] * 2)
    assert len(found) == 2
    expected = stored(run, name)
    assert len(expected) == (2 if name.endswith("+cam") else 1)
    for vectors in found:
        for vector, row in zip(vectors, expected, strict=True):
            np.testing.assert_allclose(vector, row, atol=1e-5)


def test_regions_are_whitened_and_summed(with_regions: Run, photos: Path) -> None:
    fit(with_regions.url, ReductionConfig(recipe="rmac_regions", whitening=(8,)))
    name = "rmac_regions-whitening-8"
    ((vector,),) = described(with_regions, choose_method(with_regions, name), [file_query(photos / ID)])
    (row,) = stored(with_regions, name)
    assert vector.shape == (8,)
    np.testing.assert_allclose(vector, row, atol=1e-4)


def test_regions_that_are_matched_are_summed_in_the_query(with_regions: Run, photos: Path) -> None:
    method = choose_method(with_regions, "rmac_regions+match", regions=True)
    ((from_file,),) = described(with_regions, method, [file_query(photos / ID)])
    (stored_vectors,) = queries.vectors(with_regions, method, find_queries([ID], list_shards(with_regions), None))
    (rmac,) = stored(with_regions, "rmac")
    for vector in (from_file, stored_vectors[0]):
        np.testing.assert_allclose(vector, rmac, atol=1e-5)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("empty.jpg", "empty.jpg cannot be described, it failed at decode: the file is empty"),
        ("gone.jpg", "gone.jpg cannot be read: .*No such file"),
    ],
)
def test_an_image_that_cannot_be_described_is_named(file: str, message: str, finished: Run, photos: Path) -> None:
    queries = [file_query(photos / file), file_query(photos / ID)]
    error, vectors = QueryDescriber(finished, choose_method(finished, "single")).describe(queries)
    assert isinstance(error, StorageError)
    assert re.search(message, str(error))
    assert not isinstance(vectors, OsrmacError)
    np.testing.assert_allclose(vectors[0], stored(finished, "single")[0], atol=1e-5)
