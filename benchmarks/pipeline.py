"""What does the pipeline cost beside the network? A whole local run against `Describer` alone, on the same photographs.

Both use the same number of threads in all. The pipeline's rate is taken from the times at which its shards were
committed, from the first on; its start-up is the time until then. Random weights serve. Prints JSON.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.measuring import parser, photograph, show
from osrmac.config import DescriptorConfig
from osrmac.descriptor.describer import Describer
from osrmac.descriptor.optimize import malloc
from osrmac.storage import manifest, shards
from osrmac.storage.run import Run

PICTURES = 20


def describer_rate(config: DescriptorConfig, images: list[bytes]) -> float:
    """Images a second, after the first one."""
    results = Describer.load(config).stream(images)
    next(results)
    started = time.perf_counter()
    return sum(1 for _ in results) / (time.perf_counter() - started)


def pipeline_times(folder: Path, config: DescriptorConfig, workers: int) -> tuple[float, float]:
    """Seconds to the first shard, and images a second from then on."""
    run = Run(str(folder / "run"))
    settings = ["--backbone", config.backbone, "--weights", config.weights, "--precision", config.precision]
    started = time.time()
    command = [sys.executable, "-m", "osrmac", "extract", str(folder / "photos"), run.url]
    subprocess.run(
        [*command, *settings, "--workers", str(workers)],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    rows = {unit.shard: unit.rows for unit in manifest.shard_plans(run.manifest)}
    done = sorted((Path(shard).stat().st_mtime, rows[Path(shard).name]) for shard in shards.paths(run.descriptors))
    (first, of_the_first), (last, _) = done[0], done[-1]
    return first - started, (sum(rows.values()) - of_the_first) / (last - first)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--images", type=int, default=500)
    options.add_argument("--backbone", default="resnet50")
    options.add_argument("--precision", choices=("fp32", "bf16"), default="bf16")
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    malloc.retain()
    config = DescriptorConfig(backbone=chosen.backbone, weights="random:0", precision=chosen.precision)
    photographs = [photograph(number) for number in range(PICTURES)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "photos").mkdir()
        for number in range(chosen.images):
            (folder / "photos" / f"{number:04d}.jpg").write_bytes(photographs[number % PICTURES])
        before = describer_rate(config, photographs)
        startup, rate = pipeline_times(folder, config, chosen.threads)
        after = describer_rate(config, photographs)
    alone = (before + after) / 2
    show(
        {
            "threads": chosen.threads,
            "images": chosen.images,
            "seconds to the first shard": round(startup, 1),
            "images a second": {"Describer": round(alone, 2), "pipeline": round(rate, 2)},
            "share": round(rate / alone, 3),
        }
    )


if __name__ == "__main__":
    main()
