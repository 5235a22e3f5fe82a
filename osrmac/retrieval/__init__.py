"""Ranking and scoring: exact search, the measures and the protocols of the field."""
