"""Progress, metrics and the nodes of a running extraction."""
