"""Estimate what extraction of a million, a hundred million and a billion images costs.

Measured here: the floating-point operations of a backbone for a 4:3 photograph at its image sizes, by default ResNet50
at the three default sizes, and the bytes of a row in a shard of synthetic descriptors. Given as options: requests per
image and per shard, which `benchmarks/store.py` measures, and the speed of a GPU. Prints JSON.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch.utils.flop_counter import FlopCounterMode

from osrmac.config import DescriptorConfig
from osrmac.descriptor.models import backbones
from osrmac.descriptor.resize import scaled_size
from osrmac.storage import schema, shards
from osrmac.storage.location import Location

SIZES = (1_000_000, 100_000_000, 1_000_000_000)
KEYS_PER_LISTING = 1000
ROWS = 2000
GPUS = 16


def gflop_per_image(config: DescriptorConfig) -> float:
    weights = backbones.load_weights(config.backbone, "random:0")
    network = backbones.build(config.backbone, (), weights.state).to("meta")
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        for longest_side in config.image_sizes:
            width, height = scaled_size(4, 3, longest_side, network.patch)
            network(torch.zeros(1, 3, height, width, device="meta"))
    return counter.get_total_flops() / 1e9


def bytes_per_row(dimension: int) -> float:
    values = np.abs(np.random.default_rng(0).normal(size=(ROWS, dimension))).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    ids = [f"{number % 1000:03d}/{number:010d}.jpg" for number in range(ROWS)]
    columns = {"id": ids, "uri": [f"s3://archive/scans/{name}" for name in ids], "status": [schema.OK] * ROWS}
    table = pa.table({**columns, "osrmac": pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), dimension)})
    with tempfile.TemporaryDirectory() as folder:
        shards.write(Location.of(folder), table, "part.parquet")
        return (Path(folder) / "part.parquet").stat().st_size / ROWS


def cost(images: int, gflop: float, row: float, options: argparse.Namespace) -> dict[str, Any]:
    parts = shards.shard_count(images, images, 4 * options.dimension, workers=GPUS, rows=64)
    gets = images * options.requests_per_image + parts * options.gets_per_shard
    puts = parts * options.puts_per_shard + images / KEYS_PER_LISTING
    hours = images * gflop / (options.tflops * 1000) / 3600
    return {
        "images": images,
        "GPU hours": round(hours, 1),
        f"days on {GPUS} GPUs": round(hours / GPUS / 24, 2),
        "read, TB": round(images * options.image_kb / 1e9, 2),
        "shards": parts,
        "GET and HEAD": round(gets),
        "PUT and LIST": round(puts),
        "requests, $": round(gets * options.get_price / 1e6 + puts * options.put_price / 1e6, 2),
        "descriptors, GB": round(images * row / 1e9, 1),
        "reduced, GB": round(images * row / 4 / 1e9, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    default = DescriptorConfig()
    parser.add_argument("--backbone", default=default.backbone)
    parser.add_argument("--image-sizes", type=int, nargs="+", default=default.image_sizes)
    parser.add_argument("--dimension", type=int, default=3072)
    parser.add_argument("--image-kb", type=float, default=300.0, help="kilobytes of an encoded image")
    parser.add_argument(
        "--tflops",
        type=float,
        default=108.0,
        help="speed of a GPU from JPEG bytes, in TFLOP/s: an H200 beside 16 CPUs",
    )
    parser.add_argument("--requests-per-image", type=float, default=1.0)
    parser.add_argument("--gets-per-shard", type=float, default=6.0)
    parser.add_argument("--puts-per-shard", type=float, default=2.0)
    parser.add_argument("--get-price", type=float, default=0.40, help="dollars per million requests")
    parser.add_argument("--put-price", type=float, default=5.00, help="dollars per million requests")
    options = parser.parse_args()
    descriptor = DescriptorConfig(backbone=options.backbone, image_sizes=tuple(options.image_sizes))
    gflop, row = gflop_per_image(descriptor), bytes_per_row(options.dimension)
    costs = [cost(images, gflop, row, options) for images in SIZES]
    print(json.dumps({"GFLOP per image": round(gflop, 1), "bytes per row": round(row), "costs": costs}, indent=2))


if __name__ == "__main__":
    main()
