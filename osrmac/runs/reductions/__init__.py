"""The reductions of a run: fitted, read from files, applied to descriptors, and chosen for searches."""
