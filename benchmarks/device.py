"""How many images a second does a device describe from JPEG bytes, and how near is that to what it can do?

The yardstick is a square matrix product in the same precision on the same device. A GPU is busy while any kernel runs,
as nvidia-smi tells; a CPU, while its threads compute. Where there is a GPU, its own JPEG decoder is measured against
Pillow in threads. Random weights serve. Prints JSON.
"""

import io
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle, islice

import numpy as np
import torch
from PIL import Image
from torchvision.io import ImageReadMode, decode_jpeg

from benchmarks.measuring import add_backbone, descriptor, parser, photograph, show
from benchmarks.stages import flops
from osrmac.descriptor.describer import Describer, Description
from osrmac.descriptor.optimize import malloc

PICTURES = 20
SIDES = {"cpu": 2048, "cuda": 8192}
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def pictures(images: int, size: tuple[int, int]) -> Iterator[bytes]:
    return islice(cycle([photograph(number, *size) for number in range(PICTURES)]), images)


def matrix_product(device: torch.device, precision: str) -> float:
    """TFLOP a second, the best of five."""
    side = SIDES[device.type]
    square = torch.rand(side, side, device=device).to(PRECISIONS[precision])
    return max(2 * side**3 / seconds(lambda: square @ square, device) for _ in range(5)) / 1e12


def seconds(run: Callable[[], object], device: torch.device) -> float:
    wait(device)
    started = time.perf_counter()
    run()
    wait(device)
    return time.perf_counter() - started


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def busy(device: torch.device) -> Iterator[list[float]]:
    """A list that gets the share of the time in which the device computes."""
    found: list[float] = []
    if device.type == "cpu":
        clock, processor = time.perf_counter(), time.process_time()
        yield found
        found.append((time.process_time() - processor) / (time.perf_counter() - clock) / torch.get_num_threads())
        return
    query = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--loop-ms=100"]
    with subprocess.Popen([*query, f"--id={device.index or 0}"], stdout=subprocess.PIPE, text=True) as meter:
        yield found
        meter.terminate()
        samples = [int(line) for line in (meter.stdout or []) if line.strip()]
    found.append(sum(samples) / len(samples) / 100)


def decoders(encoded: list[bytes], device: torch.device, threads: int) -> dict[str, float]:
    """Images a second: Pillow's in threads, and the GPU's with the largest difference of a value out of 255."""

    def by_pillow(image: bytes) -> torch.Tensor:
        with Image.open(io.BytesIO(image)) as opened:
            return torch.from_numpy(np.array(opened)).permute(2, 0, 1)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(by_pillow, encoded))
        rates = {"Pillow in threads": len(encoded) / seconds(lambda: list(pool.map(by_pillow, encoded)), device)}
        known = list(pool.map(by_pillow, encoded))
    if device.type == "cuda":
        tensors = [torch.frombuffer(bytearray(image), dtype=torch.uint8) for image in encoded]

        def by_gpu() -> list[torch.Tensor]:
            decoded: list[torch.Tensor] = decode_jpeg(tensors, mode=ImageReadMode.RGB, device=device)
            return decoded

        pairs = zip(by_gpu(), known, strict=True)
        rates["nvJPEG: largest difference"] = max(int((one.cpu().int() - by).abs().max()) for one, by in pairs)
        rates["nvJPEG"] = len(encoded) / seconds(by_gpu, device)
    return {name: round(rate, 1) for name, rate in rates.items()}


def main() -> None:
    options = parser(__doc__)
    add_backbone(options, "resnet50", "random:0")
    options.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options.add_argument("--precision", choices=PRECISIONS, default="bf16")
    options.add_argument("--images", type=int, help="by default 30 on a CPU, 4000 on a GPU")
    options.add_argument("--size", type=int, nargs=2, default=(1024, 768))
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    malloc.retain()
    device = torch.device(chosen.device)
    on_gpu = device.type == "cuda"
    images = chosen.images or (4000 if on_gpu else 30)
    describer = Describer.load(descriptor(chosen, precision=chosen.precision), chosen.device)
    encoded = list(pictures(images, tuple(chosen.size)))
    describer(encoded[: 64 if on_gpu else 2])
    describer.stopwatch.take()
    with busy(device) as share:
        spent = seconds(lambda: check(describer.stream(encoded)), device)
    stages = describer.stopwatch.take()
    whole = sum(flops(describer, Image.open(io.BytesIO(encoded[0])), scale) for scale in describer.config.image_sizes)
    product = matrix_product(device, chosen.precision)
    show(
        {
            "device": torch.cuda.get_device_name(device) if on_gpu else "cpu",
            "threads": chosen.threads,
            "precision": chosen.precision,
            "images a second": round(images / spent, 2),
            "busy": round(share[0], 3),
            "share of the time waiting for decoded pictures": round(stages["decode"] / spent, 3),
            "TFLOP a second": round(whole * images / spent / 1e12, 3),
            "TFLOP a second of a matrix product": round(product, 3),
            "share of the matrix product": round(whole * images / spent / 1e12 / product, 3),
            "decoders, images a second": decoders(encoded[:200], device, chosen.threads),
        }
    )


def check(results: Iterator[object]) -> None:
    if not all(isinstance(result, Description) for result in results):
        raise RuntimeError("an image was not described")


if __name__ == "__main__":
    main()
