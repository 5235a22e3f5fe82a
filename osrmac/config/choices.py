"""Options with a fixed set of values."""

from __future__ import annotations

from typing import Literal

__all__ = ["BenchmarkName", "Device", "Distance", "Precision", "SelectionMethod"]

BenchmarkName = Literal[
    "holidays",
    "ukbench",
    "oxford5k",
    "paris6k",
    "roxford5k",
    "rparis6k",
    "gpr1200",
    "instre",
    "gldv2",
    "ilias",
    "groups",
]
Device = Literal["auto", "cpu", "cuda"]
Distance = Literal["l1", "l2", "cosine"]
Precision = Literal["fp32", "bf16", "fp16"]
SelectionMethod = Literal["leverage", "leverage-centred", "pfa"]
