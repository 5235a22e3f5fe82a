"""Approximate indexes over the reduced vectors of a run: built in parts, and searched with an exact re-ranking."""
