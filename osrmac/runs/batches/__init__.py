"""Many queries, which are searched with a bounded number at a time."""
