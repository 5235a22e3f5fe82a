"""Facts that summarise a run: a sample of its images, their sizes, and the throughput of its extraction."""
