"""Scores: metrics, rankings, and the protocols of the field. Numbers only."""
