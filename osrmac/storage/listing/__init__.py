"""Listing of a collection: a folder, a bucket, a glob, or a list of URIs."""
