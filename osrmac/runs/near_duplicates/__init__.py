"""Near-duplicates within a run, or between two: thresholds, pairs, a look at the pixels, and groups."""
