"""Search by an index of a large synthetic collection: speed, memory and recall."""
