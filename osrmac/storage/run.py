"""The files of a run, and the record that identifies its descriptors."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from osrmac import __version__
from osrmac.config import DescriptorConfig, FetchConfig, fingerprint
from osrmac.credentials import redact_all, without_credentials
from osrmac.errors import NotFoundError, StorageError
from osrmac.storage import shards
from osrmac.storage.damage import damaged
from osrmac.storage.file_names import file_url, is_unicode
from osrmac.storage.location import Location
from osrmac.storage.pruning.journal import require_unpruned

__all__ = ["FORMAT_VERSION", "USUAL_REGIONS", "Identity", "Run", "now"]

FORMAT_VERSION = 1
"""Version of the files of a run, recorded in run.json. Readers refuse versions that they do not know."""

_KEYS = frozenset({"format", "fingerprint", "identity", "descriptor", "weights", "images", "dimensions"})
"""Keys that every run.json has, those of early versions too."""

_NAMES_OF_FILES = ("images", "weights")
"""Keys of run.json that earlier versions stored with the credentials of URLs. They only name what was read, unlike the
weights among the options of the descriptors, which are read again."""

_READING = ("max_bytes", "public_http_only")
"""Options of `FetchConfig` that a run keeps."""

_KEPT = ("counts", "skipped", "stages", "copies", "search")
"""Keys of run.json that stay as they are when a run is continued."""

USUAL_REGIONS = 20
"""Number of R-MAC regions of an image of 4:3."""


@dataclass(frozen=True)
class Identity:
    """Everything that the descriptors of a run depend on: equal identities give equal descriptors.

    Attributes:
        descriptor: Settings of the descriptors.
        values: Canonical form of settings and weights, from which the fingerprint is computed.
        weights: Name of the weights.
        parts: For each recipe the length of each layer's part of a descriptor, or of one region's.
        regional: Recipes that give a vector for each region of an image.
    """

    descriptor: DescriptorConfig
    values: dict[str, Any]
    weights: str
    parts: dict[str, tuple[int, ...]]
    regional: tuple[str, ...] = ()

    @property
    def dimensions(self) -> dict[str, int]:
        """Length of each recipe's descriptor, or of one region's."""
        return {recipe: sum(lengths) for recipe, lengths in self.parts.items()}

    @property
    def row_bytes(self) -> int:
        """Approximate size of the vectors of one image, in bytes."""
        return 4 * sum(d * (USUAL_REGIONS if recipe in self.regional else 1) for recipe, d in self.dimensions.items())

    @property
    def fingerprint(self) -> str:
        """Digest of `values`, see `osrmac.config.fingerprint`."""
        return fingerprint(self.values)


@dataclass(frozen=True)
class Run:
    """A folder or bucket prefix that holds everything computed from one collection.

    Attributes:
        url: Path or any fsspec URL; a local path is made absolute.
        pruning: Whether this is a prune, which alone may read the run while it is pruned.
        location: The same, resolved.

    Raises:
        StorageError: No file system is known for the URL's protocol.
    """

    url: str
    pruning: bool = False
    location: Location = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        location = Location.of(self.url)
        object.__setattr__(self, "url", location.url)
        object.__setattr__(self, "location", location)

    @property
    def manifest(self) -> Location:
        """Folder of the plan."""
        return self.location / "manifest"

    @property
    def descriptors(self) -> Location:
        """Folder of the shards of descriptors, with one row for each planned image."""
        return self.location / "descriptors"

    def queries(self, benchmark: str) -> Location:
        """Folder of the shards with the cropped queries of a benchmark."""
        return self.location / "queries" / benchmark

    def queries_manifest(self, benchmark: str) -> Location:
        """Folder of the plan of the cropped queries of a benchmark."""
        return self.queries(benchmark) / "manifest"

    def selection(self, name: str) -> Location:
        """File of a reduction."""
        return self.location / "selection" / f"{name}.json"

    def axes(self, name: str) -> Location:
        """File with the axes of a projection."""
        return self.location / "selection" / f"{name}.parquet"

    def reduced(self, name: str) -> Location:
        """Folder of the shards of descriptors reduced by a reduction."""
        return self.location / "reduced" / name

    def index(self, name: str) -> Location:
        """Folder of the approximate index over a reduction."""
        return self.location / "index" / name

    def evaluation(self, name: str, suffix: str) -> Location:
        """File of an evaluation, for example `evaluation/oxford5k-queries.parquet`."""
        return self.location / "evaluation" / (name + suffix)

    @property
    def calibrations(self) -> Location:
        """Folder of the calibrations of near-duplicates."""
        return self.location / "calibration"

    @property
    def duplicates(self) -> Location:
        """File of the near-duplicates that were found last."""
        return self.location / "duplicates" / "groups.parquet"

    @property
    def overview(self) -> Location:
        """File of the overview of the collection."""
        return self.location / "overview" / "images.parquet"

    @property
    def removed(self) -> Location:
        """Folder of the digests of images that were removed."""
        return self.location / "removed"

    @property
    def report(self) -> Location:
        """File of the HTML report."""
        return self.location / "report.html"

    @property
    def _record(self) -> Location:
        return self.location / "run.json"

    def exists(self) -> bool:
        """Return whether there is a run here."""
        return self._record.read_json() is not None

    def record(self) -> dict[str, Any]:
        """Return the content of run.json; the collection and the source of the weights are without credentials.

        Raises:
            DamagedFileError: The record is not as it was written.
            StorageError: There is no run here, its format is not that of this version, or it is being pruned.
        """
        record = self._checked(self._record.read_json())
        if not self.pruning:
            require_unpruned(self.location)
        return record

    def _checked(self, record: dict[str, Any] | None) -> dict[str, Any]:
        if record is None and self.location.fs.isfile(self.location.path):
            raise NotFoundError(f"{self.url} is a file, not the folder of a run")
        if record is None:
            raise NotFoundError(f"no run at {self.url}: make one with osrmac extract IMAGES {self.url}")
        missing = _KEYS - record.keys()
        if missing:
            raise damaged(self._record.url, f"it lacks {', '.join(sorted(missing))}")
        if record["format"] != FORMAT_VERSION:
            raise StorageError(f"{self.url} has format {record['format']}, this osrmac reads {FORMAT_VERSION}")
        if fingerprint(record["identity"]) != record["fingerprint"]:
            raise damaged(self._record.url, "its fingerprint is not that of its settings")
        return {key: redact_all(value) if key in _NAMES_OF_FILES else value for key, value in record.items()}

    def identity(self) -> Identity:
        """Return the identity of the run's descriptors.

        Raises:
            StorageError: There is no run here, or its format is not that of this version.
        """
        record = self.record()
        descriptor = DescriptorConfig.from_json(record["descriptor"])
        regional = tuple(record.get("regional", ()))
        # Early runs have no parts, only the length of each recipe.
        parts = record.get("parts") or {recipe: [length] for recipe, length in record["dimensions"].items()}
        lengths = {recipe: tuple(layers) for recipe, layers in parts.items()}
        return Identity(descriptor, record["identity"], record["weights"], lengths, regional)

    def reading(self) -> FetchConfig:
        """Return how the images of the run are read again: with the limits of the extraction that was last."""
        limits = self.record().get("reading", {})
        return FetchConfig(**{name: limits[name] for name in _READING if name in limits})

    def open(
        self, identity: Identity, images: str, versions: dict[str, str], reading: FetchConfig = FetchConfig()
    ) -> None:
        """Begin a run, or continue an existing one.

        Args:
            identity: Identity of the descriptors to write.
            images: The collection as the user named it.
            versions: Versions of the libraries in use, by name.
            reading: Limits of the reading of images, to which later commands keep, too.

        Raises:
            StorageError: The run was made with other settings; the message names the differences.
        """
        if self.exists():
            self.require(identity, "use another run")
        else:
            self._require_fingerprint(identity)
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
            "reading": {name: getattr(reading, name) for name in _READING},
        }
        self._record.update_json(lambda found: record | {key: (found or {}).get(key, {}) for key in _KEPT})

    def require(self, identity: Identity, advice: str) -> None:
        """Raise an error unless the run's descriptors have this identity.

        Args:
            identity: Identity of other descriptors.
            advice: What to do if the identities differ, for the message.

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

    def _require_fingerprint(self, identity: Identity) -> None:
        """Raise an error if run.json is lost, and the shards have been described with other settings."""
        for shard in shards.paths(self.descriptors)[:1]:
            if shards.read_metadata(shard).get("osrmac.fingerprint") != identity.fingerprint:
                raise StorageError(
                    f"{self._record} is lost, and the descriptors beside it were made with other settings or weights: "
                    "restore it from a copy, give the settings that the run was made with, or use another run"
                )

    def finish_stage(self, stage: str, seconds: float, **facts: Any) -> None:
        """Record the end of a stage, its duration, and further facts such as counts."""
        entry = {stage: {"finished": now(), "seconds": round(seconds, 3), **facts}}
        self._update(lambda record: record | {"stages": record["stages"] | entry})

    def set_counts(self, counts: Mapping[str, int], skipped: Mapping[str, int] | None = None) -> None:
        """Record the numbers of images that were planned, were described, and failed.

        Args:
            counts: These numbers.
            skipped: Numbers of files, by kind, that the listing passed over; None leaves those of the last listing.
        """
        changed = {"counts": counts} | ({} if skipped is None else {"skipped": skipped})
        self._update(lambda record: record | changed)

    def set_search_method(self, recipe: str, method: str) -> None:
        """Record the method that a search uses by default where it compares a recipe."""
        self._update(lambda record: record | {"search": record.get("search", {}) | {recipe: method}})

    def search_methods(self) -> dict[str, str]:
        """Return the method that a search uses by default, by recipe, as far as that has been decided."""
        methods: dict[str, str] = self.record().get("search", {})
        return methods

    def record_copy(self, url: str, kind: str, **facts: Any) -> None:
        """Record what a command wrote from this run to another place, replacing the record of an earlier one there.

        Args:
            url: Path or URL of the file or folder.
            kind: `export` or `contact sheet`.
            facts: Further facts, such as the number of images.
        """
        place = without_credentials(Location.of(url).url)
        entry = {place if is_unicode(place) else file_url(place): {"kind": kind, "made": now(), **facts}}
        self._update(lambda record: record | {"copies": record.get("copies", {}) | entry})

    def copies(self) -> dict[str, dict[str, Any]]:
        """Return what commands wrote from this run to other places, by path or URL: see `record_copy`."""
        copies: dict[str, dict[str, Any]] = self.record().get("copies", {})
        return copies

    def _update(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Change run.json; a change by another command at the same moment is kept, too."""
        self._record.update_json(lambda found: change(self._checked(found)))

    def selections(self) -> dict[str, dict[str, Any]]:
        """Return the JSON objects of all reductions, by name, in order of it."""
        return _read_objects(self.location / "selection")

    def evaluations(self) -> dict[str, dict[str, Any]]:
        """Return the JSON objects of all evaluations, sweeps and tables, by file name without suffix."""
        return _read_objects(self.location / "evaluation")


def now() -> str:
    """Return the time as runs record it, ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _read_objects(folder: Location) -> dict[str, dict[str, Any]]:
    objects = {file.name.removesuffix(".json"): file.read_json() for file in folder.files(".json")}
    return {name: value for name, value in objects.items() if value is not None}
