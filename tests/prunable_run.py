"""A run with every kind of file that names images, and the collection that it was made from."""

import shutil
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa

from osrmac.commands.prune import prune
from osrmac.config import PruneConfig
from osrmac.reduction.base import Selection
from osrmac.runs.integrity import check_file, check_plan, check_shard, other_files
from osrmac.runs.near_duplicates.groups import Duplicates, Twin
from osrmac.runs.near_duplicates.stored import collection_state, store_duplicates
from osrmac.runs.overview.make import make_overview
from osrmac.runs.reductions.reduced_reader import digest, reduce_shard
from osrmac.runs.reductions.stored import load_reductions, write_reduction
from osrmac.storage import manifest, schema, shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from tests.indexes import build_index
from tests.tiny_run import tiny_run

IMAGES = [f"{folder}/{number:02d}.png" for folder in ("even", "odd") for number in range(folder == "odd", 20, 2)]
FAILED = "odd/13.png"
_PART_ROWS = 8


def prunable_run(folder: Path) -> Run:
    """Write `RUN` and `photos` into a folder: 20 images in shards of 2, in parts of 8 rows of the manifest."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(len(IMAGES), 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    described = {name: vector for name, vector in zip(IMAGES, vectors, strict=True) if name != FAILED}
    failed = {FAILED: ("decode", "the file is empty")}
    with mock.patch.object(manifest, "_PART_ROWS", _PART_ROWS):
        run = tiny_run(folder / "run", {"osrmac": described}, failed=failed, photos=folder / "photos")
    _write_reduced(run)
    build_index(run, load_reductions(run)[0])
    _write_queries(run)
    _write_evaluations(run)
    _write_duplicates(run)
    make_overview(run)
    run.report.write_text("<html>even/00.png</html>")
    return run


def _write_reduced(run: Run) -> None:
    identity = run.identity()
    selection = Selection(
        name="osrmac-pfa-2",
        method="pfa",
        recipe="osrmac",
        features_in=4,
        seed=0,
        samples=19,
        fitted_on="photos",
        fingerprint=identity.fingerprint,
        indices=(0, 2),
    )
    write_reduction(run, selection)
    for shard in shards.paths(run.descriptors):
        reduced = reduce_shard(shard, "osrmac", selection)
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(reduced.values.ravel(), pa.float32()), 2)
        columns = schema.reduced(2, identity.fingerprint, digest(selection))
        rows = pa.table([pa.array(reduced.ids, pa.string()), vectors], schema=columns)
        shards.write(run.reduced(selection.name), rows, shard.name, shards.generation(shard))


def _write_queries(run: Run) -> None:
    """Describe the left halves of two images as queries, each in a shard of its own."""
    photos = Path(run.record()["images"])
    queries = [
        {"id": f"query_{name[-6:-4]}", "uri": str(photos / name), "box": [0.0, 0.0, 9.0, 9.0]}
        for name in ("even/00.png", "even/02.png")
    ]
    folder, planned = run.queries("oxford5k"), run.queries_manifest("oxford5k")
    listed = pa.Table.from_pylist(queries, schema=schema.QUERIES)
    manifest.update(planned, folder, [listed], manifest.shards_of(1))
    described = {row["uri"]: row for shard in shards.paths(run.descriptors) for row in shards.read(shard).to_pylist()}
    columns = shards.read(shards.paths(run.descriptors)[0]).schema
    for plan in manifest.shard_plans(planned):
        (row,) = manifest.read(planned, plan).to_pylist()
        rows = [described[row["uri"]] | {"id": row["id"]}]
        shards.write(folder, pa.Table.from_pylist(rows, schema=columns), plan.shard)


def _write_evaluations(run: Run) -> None:
    score = {"system": "osrmac", "label": "osrmac", "mode": "cropped", "dimension": 4, "queries": 2}
    values = {"benchmark": "oxford5k", "measures": ["mAP"], "coverage": "20 images", "distance": "l1"}
    run.evaluation("oxford5k", ".json").write_json(values | {"scores": [score | {"values": {"mAP": 50.0}}]})
    rows = [
        {
            "system": "osrmac",
            "mode": "cropped",
            "query": f"query_{name[-6:-4]}",
            "mAP": 50.0,
            "positives": 1,
            "first": [other for other in IMAGES[:4] if other != name],
            "image": name,
            "box": [0.0, 0.0, 9.0, 9.0],
            "ranks": [1],
            "nearest": [{"id": other, "verdict": "wrong"} for other in IMAGES[:4]],
        }
        for name in ("even/00.png", "even/02.png")
    ]
    table = pa.Table.from_pylist(rows, schema=schema.query_results(["mAP"]))
    shards.write_table(run.evaluation("oxford5k", "-queries.parquet"), table)
    point = {"method": "pfa", "features": 2, "seed": 0, "mode": "cropped", "value": 40.0}
    sweep = {"benchmark": "oxford5k", "measure": "mAP", "recipe": "osrmac", "conditions": {"distance": "l1"}}
    run.evaluation("oxford5k-sweep", ".json").write_json(sweep | {"points": [point]})


def _write_duplicates(run: Run) -> None:
    """Keep two groups of near-duplicates."""
    groups = tuple(tuple(Twin(name, f"/{name}", 9, 9, 0.5) for name in names) for names in (IMAGES[:3], IMAGES[3:5]))
    found = Duplicates("osrmac", "l1", 0.5, None, "as given", 4, 0, groups)
    store_duplicates(run, found, None, collection_state(run))


def copied(whole: Run, folder: Path) -> Run:
    """Copy a run and its collection into a folder."""
    shutil.copytree(Path(whole.url).parent, folder, dirs_exist_ok=True)
    run = Run(str(folder / "run"))
    (run.location / "run.json").write_json(run.record() | {"images": str(folder / "photos")})
    return run


class Killed(BaseException):
    """The process ends."""


def interrupted(run: Run, options: PruneConfig, steps: int) -> bool:
    """Prune until a number of files are written or removed; return whether it was interrupted."""
    count = iter(range(steps))

    def dying(act: Any) -> Any:
        def change(self: Location, *arguments: Any) -> Any:
            if "lock" not in self.name and next(count, None) is None:
                raise Killed
            return act(self, *arguments)

        return change

    names = ("write_bytes", "swap", "remove")
    with mock.patch.multiple(Location, **{name: dying(getattr(Location, name)) for name in names}):
        try:
            prune(run.url, options)
        except Killed:
            return True
    return False


def problems(run: Run) -> list[str]:
    """Return what `osrmac verify` finds, without Ray."""
    planned, identity = manifest.shard_plans(run.manifest), run.identity()
    found = list(check_plan(run, planned))
    found += [f"{plan.shard} is pending" for plan in manifest.pending(planned, run.descriptors)]
    committed = {shard.name for shard in shards.paths(run.descriptors)}
    found += [problem for plan in planned if plan.shard in committed for problem in check_shard(run, identity, plan)]
    files = [*shards.paths(run.manifest), *other_files(run)]
    return found + [problem for file in files if (problem := check_file(file))]


def contents(run: Run) -> dict[str, object]:
    """Return the contents of all files but run.json and the report, by path: of tables, the rows and the generation."""
    below = sorted(path for path in Path(run.url).rglob("*") if path.is_file())
    files = {str(path.relative_to(run.url)): Location.of(path) for path in below}
    return {name: _content(file) for name, file in files.items() if name not in {"run.json", "report.html"}}


def _content(file: Location) -> object:
    if not file.name.endswith(".parquet"):
        return file.read_bytes()
    return shards.read(file).to_pylist(), shards.generation(file)
