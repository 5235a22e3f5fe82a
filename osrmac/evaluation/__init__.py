"""Measures, rankings, and the protocols of published benchmarks, on plain values."""
