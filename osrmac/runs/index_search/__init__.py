"""Search by an index: candidates by their codes, compared exactly by their vectors."""
