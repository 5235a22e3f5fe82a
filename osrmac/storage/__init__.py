"""What a run leaves behind, on any file system that fsspec reaches."""
