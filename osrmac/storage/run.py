"""Where things lie in a run, and the record that says what the run is."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from osrmac import __version__
from osrmac.config import FORMAT_VERSION, DescriptorConfig, fingerprint
from osrmac.errors import StorageError
from osrmac.storage import filesystem

__all__ = ["Identity", "Run"]

_REGIONS = 20
"""Of a picture of 4:3."""


@dataclass(frozen=True)
class Identity:
    """What the descriptors of a run are: equal identities give equal descriptors."""

    descriptor: DescriptorConfig
    values: dict[str, Any]
    """The canonical form that the fingerprint is taken of."""

    weights: str
    """What the weights are called."""

    parts: dict[str, tuple[int, ...]]
    """For each recipe the lengths of what each tap adds to its descriptor, or to one region's."""

    regional: tuple[str, ...] = ()
    """The recipes that give a vector for each region."""

    @property
    def dimensions(self) -> dict[str, int]:
        """Length of each recipe's descriptor, or of one region's."""
        return {recipe: sum(lengths) for recipe, lengths in self.parts.items()}

    @property
    def row_bytes(self) -> int:
        """Size of the vectors of an image, about."""
        return 4 * sum(d * (_REGIONS if recipe in self.regional else 1) for recipe, d in self.dimensions.items())

    @property
    def fingerprint(self) -> str:
        """See `osrmac.config.fingerprint`."""
        return fingerprint(self.values)


@dataclass(frozen=True)
class Run:
    """A folder or bucket prefix that holds everything computed from one collection.

    Attributes:
        url: A path or any fsspec URL.
    """

    url: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", filesystem.absolute(self.url))

    @property
    def manifest(self) -> str:
        """Folder of the plan."""
        return filesystem.join(self.url, "manifest")

    @property
    def descriptors(self) -> str:
        """Folder of the shards with one row for each planned image."""
        return filesystem.join(self.url, "descriptors")

    def queries(self, benchmark: str) -> str:
        """Folder of the shards with the cropped queries of a benchmark."""
        return filesystem.join(self.url, "queries", benchmark)

    def queries_manifest(self, benchmark: str) -> str:
        """Folder of the plan of these queries."""
        return filesystem.join(self.queries(benchmark), "manifest")

    def selection(self, name: str) -> str:
        """File of a selection."""
        return filesystem.join(self.url, "selection", f"{name}.json")

    def axes(self, name: str) -> str:
        """File of the axes of a projection."""
        return filesystem.join(self.url, "selection", f"{name}.parquet")

    def reduced(self, name: str) -> str:
        """Folder of the shards shortened by a selection."""
        return filesystem.join(self.url, "reduced", name)

    def evaluation(self, name: str, suffix: str) -> str:
        """File of the scores under a benchmark."""
        return filesystem.join(self.url, "evaluation", name + suffix)

    @property
    def report(self) -> str:
        """File of the page that shows the run."""
        return filesystem.join(self.url, "report.html")

    @property
    def _record(self) -> str:
        return filesystem.join(self.url, "run.json")

    def exists(self) -> bool:
        """Whether a run has begun here."""
        return filesystem.read_json(self._record) is not None

    def record(self) -> dict[str, Any]:
        """What is known of the run.

        Raises:
            StorageError: There is no run here, or one of another version's format.
        """
        record = filesystem.read_json(self._record)
        if record is None:
            raise StorageError(f"no run at {self.url}: make one with osrmac extract IMAGES --run {self.url}")
        if record.get("format") != FORMAT_VERSION:
            raise StorageError(f"{self.url} has format {record.get('format')}, this osrmac reads {FORMAT_VERSION}")
        return record

    def identity(self) -> Identity:
        """What the run's descriptors are."""
        record = self.record()
        descriptor = DescriptorConfig.from_json(record["descriptor"])
        regional = tuple(record.get("regional", ()))
        # Runs of before the parts were recorded have one length a recipe.
        parts = record.get("parts") or {recipe: [length] for recipe, length in record["dimensions"].items()}
        lengths = {recipe: tuple(of_recipe) for recipe, of_recipe in parts.items()}
        return Identity(descriptor, record["identity"], record["weights"], lengths, regional)

    def open(self, identity: Identity, images: str, versions: dict[str, str]) -> None:
        """Begin a run, or go on with one.

        Raises:
            StorageError: The run was made with other settings; the message names the differences.
        """
        existing = filesystem.read_json(self._record)
        if existing is not None:
            self.require(identity, "use another --run")
        record = {
            "format": FORMAT_VERSION,
            "osrmac": __version__,
            "fingerprint": identity.fingerprint,
            "images": images,
            "descriptor": identity.descriptor.to_json(),
            "identity": identity.values,
            "weights": identity.weights,
            "dimensions": identity.dimensions,
            "parts": identity.parts,
            "regional": identity.regional,
            "versions": versions,
            "counts": (existing or {}).get("counts", {}),
            "stages": (existing or {}).get("stages", {}),
        }
        filesystem.write_json(self._record, record)

    def require(self, identity: Identity, advice: str) -> None:
        """Make sure that the run's descriptors are what other ones are.

        Args:
            identity: Of the other descriptors.
            advice: What to do if they differ.

        Raises:
            StorageError: The run was made with other settings; the message names the differences.
        """
        record = self.record()
        if record["fingerprint"] == identity.fingerprint:
            return
        theirs, ours = record["identity"], identity.values
        differences = [
            f"{key} is {theirs.get(key)} there and {ours.get(key)} here"
            for key in sorted({*theirs, *ours})
            if theirs.get(key) != ours.get(key)
        ]
        raise StorageError(f"{self.url} was made with other settings: {'; '.join(differences)}; {advice}")

    def finish_stage(self, stage: str, seconds: float, **facts: Any) -> None:
        """Note when a stage ended, how long it took, and facts such as counts."""
        record = self.record()
        finished = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        record["stages"][stage] = {"finished": finished, "seconds": round(seconds, 3), **facts}
        filesystem.write_json(self._record, record)

    def set_counts(self, counts: dict[str, int]) -> None:
        """Note how many images were planned, described and failed."""
        filesystem.write_json(self._record, self.record() | {"counts": counts})

    def write_selection(self, name: str, selection: dict[str, Any]) -> None:
        """Write a selection."""
        filesystem.write_json(self.selection(name), selection)

    def selections(self) -> list[dict[str, Any]]:
        """All selections, by name."""
        found = [
            filesystem.read_json(url) for url in filesystem.list_folder(filesystem.join(self.url, "selection"), ".json")
        ]
        return [selection for selection in found if selection is not None]

    def evaluations(self) -> list[dict[str, Any]]:
        """All scores under benchmarks, by name."""
        return list(self.scored().values())

    def scored(self) -> dict[str, dict[str, Any]]:
        """All scores under benchmarks, by the name that their files begin with."""
        return {name: found for name, found in self._evaluated().items() if "scores" in found}

    def sweeps(self) -> list[dict[str, Any]]:
        """All sweeps over the number of features, by benchmark."""
        return [found for found in self._evaluated().values() if "points" in found]

    def _evaluated(self) -> dict[str, dict[str, Any]]:
        urls = filesystem.list_folder(filesystem.join(self.url, "evaluation"), ".json")
        read = {filesystem.name(url).removesuffix(".json"): filesystem.read_json(url) for url in urls}
        return {name: found for name, found in read.items() if found is not None}
