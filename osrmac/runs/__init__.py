"""Read and query a run, without Ray."""
