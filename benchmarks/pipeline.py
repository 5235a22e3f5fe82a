"""Measure the overhead of the pipeline: an extraction on this machine against `Describer` alone.

Both use the same total number of threads. The rate of the extraction is computed from the times of its shards, after
the first one; its startup is the time until the first one. The weights are random. Prints JSON.
"""

import tempfile
import time
from pathlib import Path

import torch

from benchmarks.common import extract, parser, photograph, show
from osrmac.config import DescriptorConfig
from osrmac.descriptor.describer import Describer
from osrmac.descriptor.optimize import malloc
from osrmac.storage import manifest, shards
from osrmac.storage.run import Run

DISTINCT_IMAGES = 20


def describer_rate(config: DescriptorConfig, images: list[bytes]) -> float:
    """Images per second, after the first one."""
    results = Describer.load(config).stream(images)
    next(results)
    started = time.perf_counter()
    return sum(1 for _ in results) / (time.perf_counter() - started)


def pipeline_times(folder: Path, config: DescriptorConfig, workers: int) -> tuple[float, float]:
    """Seconds to the first shard, and images per second after it."""
    run = Run(str(folder / "run"))
    settings = ["--backbone", config.backbone, "--weights", config.weights, "--precision", config.precision]
    started = time.time()
    extract(str(folder / "photos"), run.url, *settings, "--workers", str(workers))
    rows = {plan.shard: plan.rows for plan in manifest.shard_plans(run.manifest)}
    done = sorted((Path(shard).stat().st_mtime, rows[Path(shard).name]) for shard in shards.paths(run.descriptors))
    (first, first_rows), (last, _) = done[0], done[-1]
    return first - started, (sum(rows.values()) - first_rows) / (last - first)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--images", type=int, default=500)
    options.add_argument("--backbone", default="resnet50")
    options.add_argument("--precision", choices=("fp32", "bf16"), default="bf16")
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    malloc.retain()
    config = DescriptorConfig(backbone=chosen.backbone, weights="random:0", precision=chosen.precision)
    photographs = [photograph(number) for number in range(DISTINCT_IMAGES)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "photos").mkdir()
        for number in range(chosen.images):
            (folder / "photos" / f"{number:04d}.jpg").write_bytes(photographs[number % DISTINCT_IMAGES])
        before = describer_rate(config, photographs)
        startup, rate = pipeline_times(folder, config, chosen.threads)
        after = describer_rate(config, photographs)
    alone = (before + after) / 2
    show(
        {
            "threads": chosen.threads,
            "images": chosen.images,
            "seconds to the first shard": round(startup, 1),
            "images per second": {"Describer": round(alone, 2), "pipeline": round(rate, 2)},
            "relative speed": round(rate / alone, 3),
        }
    )


if __name__ == "__main__":
    main()
