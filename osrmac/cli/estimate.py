"""The command `estimate`, and its tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from osrmac.cli.arguments import Images, Output
from osrmac.cli.output import table, write_result
from osrmac.config import ComputeConfig, DescriptorConfig, EstimateConfig, FetchConfig, ListingConfig
from osrmac.pages.quantities import format_bytes, format_duration
from osrmac.storage.listing.skipped import describe_skipped
from osrmac.tables import Table

if TYPE_CHECKING:
    from osrmac.estimation.result import Estimate, GpuTime, MachineTime

__all__ = ["estimate", "estimate_tables"]

_DAYS_FROM = 48 * 3600.0
_ASSUMED = (
    "assumed: ResNet50 in bf16 on an H200 beside 16 CPUs",
    "give the speed of your GPUs and network with --gpu-rate or --gpu-tflops",
)
_SAMPLING = "± is a 95% interval: another sample would give another mean; a busier machine is slower"


def estimate(
    images: Images,
    descriptor: DescriptorConfig = DescriptorConfig(),
    compute: ComputeConfig = ComputeConfig(),
    reading: FetchConfig = FetchConfig(),
    collection: ListingConfig = ListingConfig(),
    options: EstimateConfig = EstimateConfig(),
    output: Output = Output(),
) -> None:
    """Estimate the time and cost of extract from a sample."""
    from osrmac.commands.estimate import estimate

    result = estimate(images, descriptor, compute, reading, collection, options)
    failures = [f"  {kind}" for kind in result.sample.failures]
    write_result(output, result.to_json(), estimate_tables(result), failures)


def estimate_tables(result: Estimate) -> list[Table]:
    """Return an estimate as tables: the collection, its time here and on GPUs, its volume, and costs by price."""
    sample, volume = result.sample, result.volume
    took = f"listed and described in {format_duration(sample.seconds)}"
    collection = {
        "images": f"{result.images:,}",
        "files passed over": describe_skipped(result.skipped),
        "sample": f"{sample.images:,} images, {sample.failed:,} failed; {took}",
        "mean size": f"{sample.megapixels:.2f} megapixels{_mean_bytes(result)}",
    }
    amounts = {
        "read": "unknown" if volume.bytes_read is None else format_bytes(volume.bytes_read),
        "GET and HEAD requests": f"{volume.requests.gets:,}",
        "PUT and LIST requests": f"{volume.requests.puts:,}",
        "shards": f"{volume.shards:,}",
        "descriptors": format_bytes(volume.descriptor_bytes),
        "reduced to a quarter": format_bytes(volume.reduced_bytes),
    }
    return [
        _facts("Collection", collection),
        _facts("Time with these processes", _machine_facts(result.machine), [_SAMPLING]),
        _facts(
            f"Time on {result.gpu.gpus} GPU{'s' * (result.gpu.gpus > 1)}",
            _gpu_facts(result.gpu),
            _ASSUMED if result.gpu.source == "assumed" else (),
        ),
        _facts("Read and written", amounts),
        _facts("Cost", {item: f"{cost:,.2f}" for item, cost in result.costs.items()}),
    ]


def _facts(title: str, facts: dict[str, str], notes: Sequence[str] = ()) -> Table:
    return table(title, ("", ""), ((name, text) for name, text in facts.items() if text), notes)


def _machine_facts(machine: MachineTime) -> dict[str, str]:
    margin = "" if machine.margin_hours is None else f" ± {_duration(machine.margin_hours * 3600)}"
    workers = f"{machine.workers:,} describing process{'es' * (machine.workers > 1)}"
    return {
        "time": _duration(machine.hours * 3600) + margin,
        "of which listing": _duration(machine.listing_seconds),
        "of which starting": _duration(machine.start_seconds),
        "one image": f"{machine.image_seconds:.4g} s of one of {workers} on {machine.device}",
        "CPU hours": f"{machine.cpu_hours:,.4g}",
    }


def _gpu_facts(gpu: GpuTime) -> dict[str, str]:
    return {
        "time": _duration(gpu.hours * 3600),
        "GPU hours": f"{gpu.gpu_hours:,.4g}",
        "arithmetic": f"{gpu.gflop_per_image:,.4g} GFLOP an image",
        "speed of a GPU": f"{gpu.images_per_second:,.4g} images/s, {gpu.source}",
    }


def _mean_bytes(result: Estimate) -> str:
    total = result.volume.bytes_read
    return "" if total is None else f", {format_bytes(total / result.images)}"


def _duration(seconds: float) -> str:
    """Return a duration in words.

    >>> _duration(95), _duration(300_000)
    ('1 min 35 s', '3.5 days')
    """
    return f"{seconds / 86400:,.1f} days" if seconds >= _DAYS_FROM else format_duration(seconds)
