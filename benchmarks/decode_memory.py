"""Measure the peak memory of a process that describes unusual images: large ones, bombs, and the zoo of the tests.

For each file, a process that holds the network describes a photograph, the file, and the photograph again: it reads
and decodes the file while it computes, as the workers of an extraction do. Prints JSON: megabytes, and what came of
the file.
"""

import multiprocessing
import resource
import tempfile
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from PIL import ExifTags, Image

from benchmarks.common import add_backbone, descriptor, parser, photograph, show
from osrmac.descriptor.decoding.formats import available_formats
from osrmac.descriptor.describer import Describer, Failure
from osrmac.descriptor.optimize import malloc
from osrmac.storage.reading.fetch import Fetcher
from tests.bombs import bombs
from tests.zoo import zoo

BOUND = 3000
"""Megabytes."""

_FORK = multiprocessing.get_context("fork")

LARGEST = (13_377, 13_377)
"""179 megapixels, the default limit."""

UNCOMPRESSED = (10_327, 10_327)
"""107 megapixels: as many as 320 MB, the default of `--max-bytes`, hold without compression."""

_TURNED = Image.Exif()
_TURNED[ExifTags.Base.Orientation] = 6

_FAST = {"enc_params": {"preset": "ultrafast"}}

LARGE: dict[str, tuple[str, str, tuple[int, int], dict[str, Any]]] = {
    "PNG, RGB, 179 megapixels": ("RGB", "PNG", LARGEST, {"compress_level": 1}),
    "PNG, turned, 179 megapixels": ("RGB", "PNG", LARGEST, {"compress_level": 1, "exif": _TURNED}),
    "PNG, RGBA, 179 megapixels": ("RGBA", "PNG", LARGEST, {"compress_level": 1}),
    "PNG, 16 bits, 179 megapixels": ("I;16", "PNG", LARGEST, {"compress_level": 1}),
    "JPEG, 179 megapixels": ("RGB", "JPEG", LARGEST, {}),
    "JPEG, progressive, 4:4:4, 179 megapixels": ("RGB", "JPEG", LARGEST, {"progressive": True, "subsampling": 0}),
    "TIFF, one strip, 179 megapixels": ("RGB", "TIFF", LARGEST, {"compression": "tiff_lzw", "tiffinfo": {278: 2**14}}),
    "TIFF, 16 bits, one strip, 179 megapixels": (
        "I;16",
        "TIFF",
        LARGEST,
        {"compression": "tiff_lzw", "tiffinfo": {278: 2**14}},
    ),
    "JPEG 2000, tiles, 179 megapixels": ("RGB", "JPEG2000", LARGEST, {"tile_size": (1024, 1024)}),
    "JPEG 2000, one tile, 90 megapixels": ("RGB", "JPEG2000", (10_000, 9000), {}),
    "JPEG 2000, one tile, 100 megapixels": ("RGB", "JPEG2000", (10_000, 10_000), {}),
    "WebP, 100 megapixels": ("RGBA", "WEBP", (10_000, 10_000), {"method": 0}),
    "HEIC, tiles, 179 megapixels": ("RGB", "HEIF", LARGEST, {"tile_size": 1024, **_FAST}),
    "HEIC, one picture, 4:4:4, 67 megapixels": ("RGB", "HEIF", (8192, 8192), {"chroma": 444, **_FAST}),
    "AVIF, 100 megapixels": ("RGB", "AVIF", (10_000, 10_000), {"speed": 10, "max_threads": 2}),
}


def main() -> None:
    options = parser(__doc__)
    add_backbone(options, "resnet50", "random:0")
    options.add_argument("--skip-zoo", action="store_true", help="leave out the many small files of the zoo")
    chosen = options.parse_args()
    torch.set_num_threads(1)
    malloc.retain()
    describer = Describer.load(descriptor(chosen))
    available_formats()  # registers the plugin that writes HEIC
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        photo, path = folder / "photo", folder / "image"
        photo.write_bytes(photograph(0))
        result["two photographs"] = measure(describer, photo, [photo])
        for name, picture in LARGE.items():
            save(path, *picture)
            result[name] = measure(describer, photo, [path])
        save(path, "RGB", "TIFF", UNCOMPRESSED, {})
        result["TIFF, uncompressed, 320 MB, four in a row"] = measure(describer, photo, [path] * 4)
        for name, content in bombs().items():
            path.write_bytes(content)
            result[name] = measure(describer, photo, [path])
        if not chosen.skip_zoo:
            files = {folder / name: content for name, (content, _) in zoo().items()}
            for file, content in files.items():
                file.write_bytes(content)
            result["the zoo, one after another"] = measure(describer, photo, list(files))
    show(result | {"all within the bound": all(of["megabytes"] <= BOUND for of in result.values())})


def save(path: Path, mode: str, kind: str, size: tuple[int, int], options: dict[str, Any]) -> None:
    """Write an image of one color, in a process whose memory is freed at its end."""
    process = _FORK.Process(target=lambda: Image.new(mode, size, 77).save(path, kind, **options))
    process.start()
    process.join()


def measure(describer: Describer, photo: Path, files: Sequence[Path]) -> dict[str, Any]:
    """Describe files between two photographs in a copy of this process."""
    receiver, sender = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=describe, args=(describer, [photo, *files, photo], sender))
    process.start()
    sender.close()
    megabytes, outcomes = receiver.recv()
    process.join()
    failed = [outcome for outcome in outcomes if outcome]
    outcome = f"{len(failed)} of {len(files)} fail" if len(files) > 1 else "".join(failed) or "described"
    return {"megabytes": round(megabytes), "outcome": outcome}


def describe(describer: Describer, files: Sequence[Path], results: Connection) -> None:
    outcomes = []
    for number, result in enumerate(describer.stream(Fetcher()(map(str, files))), start=1):
        outcomes.append(result.reason if isinstance(result, Failure) else "")
        if number % malloc.TRIM_INTERVAL == 0:
            malloc.trim()
    results.send((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, outcomes))


if __name__ == "__main__":
    main()
