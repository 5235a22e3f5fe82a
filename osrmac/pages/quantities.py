"""Sizes, durations and rates in words."""

from __future__ import annotations

from osrmac.runs.summary.throughput import Throughput

__all__ = ["format_bytes", "format_duration", "format_rate"]


def format_bytes(number: float) -> str:
    """Return a size in decimal units.

    >>> format_bytes(1_234_000_000)
    '1.2 GB'
    """
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == "bytes" or number >= 100 else f"{number:.1f} {unit}"


def format_duration(seconds: float) -> str:
    """Return a duration in its two largest units.

    >>> format_duration(4.25), format_duration(95), format_duration(3725)
    ('4.2 s', '1 min 35 s', '1 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def format_rate(throughput: Throughput) -> str:
    """Return a throughput in images per second or, below 1, per minute; empty if nothing was measured.

    >>> format_rate(Throughput(30, 2.0)), format_rate(Throughput(30, 120.0))
    ('15.0 images/s', '15.0 images/min')
    """
    if not throughput.images or not throughput.seconds:
        return ""
    images = throughput.images / throughput.seconds
    return f"{images:.1f} images/s" if images >= 1 else f"{60 * images:.1f} images/min"
