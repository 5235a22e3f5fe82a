"""Estimate what extraction of a million, a hundred million and a billion images costs, without any of them.

`osrmac estimate` does so for the images of a real collection, with the same arithmetic. Measured here: the
floating-point operations of a backbone for a 4:3 photograph at its image sizes, by default ResNet50 at the three
default sizes, and the bytes of a row in a shard of synthetic descriptors. Prints JSON.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from osrmac.config import DescriptorConfig, EstimateConfig
from osrmac.config.estimation import ASSUMED_GPU_TFLOPS
from osrmac.descriptor.models import backbones
from osrmac.descriptor.models.flops import flops_per_image
from osrmac.estimation.costs import costs, requests, volume
from osrmac.storage import schema, shards
from osrmac.storage.location import Location

SIZES = (1_000_000, 100_000_000, 1_000_000_000)
ROWS = 2000
GPUS = 16


def gflop_per_image(config: DescriptorConfig) -> float:
    weights = backbones.load_weights(config.backbone, "random:0")
    return flops_per_image(backbones.build(config.backbone, (), weights.state), config.image_sizes) / 1e9


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
    bytes_read = round(images * options.image_kb * 1000)
    amounts = volume(images, parts, row, bytes_read, requests(images, parts))
    hours = images * gflop / (options.tflops * 1000) / 3600
    prices = EstimateConfig(get_price=options.get_price, put_price=options.put_price)
    return {
        "images": images,
        "GPU hours": round(hours, 1),
        f"days on {GPUS} GPUs": round(hours / GPUS / 24, 2),
        "read, TB": round(bytes_read / 1e12, 2),
        "shards": parts,
        "GET and HEAD": amounts.requests.gets,
        "PUT and LIST": amounts.requests.puts,
        "requests, $": round(costs(0.0, 0.0, amounts, prices)["requests"], 2),
        "descriptors, GB": round(amounts.descriptor_bytes / 1e9, 1),
        "reduced, GB": round(amounts.reduced_bytes / 1e9, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    default = DescriptorConfig()
    parser.add_argument("--backbone", default=default.backbone)
    parser.add_argument("--image-sizes", type=int, nargs="+", default=default.image_sizes)
    parser.add_argument("--dimension", type=int, default=3072)
    parser.add_argument("--image-kb", type=float, default=300.0, help="kilobytes of an encoded image")
    parser.add_argument("--tflops", type=float, default=ASSUMED_GPU_TFLOPS, help="speed of a GPU from JPEG bytes")
    parser.add_argument("--get-price", type=float, default=0.40, help="dollars per million requests")
    parser.add_argument("--put-price", type=float, default=5.00, help="dollars per million requests")
    options = parser.parse_args()
    descriptor = DescriptorConfig(backbone=options.backbone, image_sizes=tuple(options.image_sizes))
    gflop, row = gflop_per_image(descriptor), bytes_per_row(options.dimension)
    table = [cost(images, gflop, row, options) for images in SIZES]
    print(json.dumps({"GFLOP per image": round(gflop, 1), "bytes per row": round(row), "costs": table}, indent=2))


if __name__ == "__main__":
    main()
