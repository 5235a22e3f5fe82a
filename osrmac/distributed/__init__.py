"""Work that is distributed with Ray; no other package imports it.

`cluster` connects; `describe` drives an extraction, with a pool of `worker` actors that each process one `shard_task`
after the other; `moments`, `reduce` and `check` run plain tasks over the shards of a run.
"""
