"""How many requests does an object store get? Counted at a server that speaks S3, by what they ask for.

A stand-in describes the images, as the network asks for nothing. Prints JSON: for extraction, for the same command on
the finished run, and for a fit, the requests that concern each folder, in all and divided by images and by shards.
"""

import argparse
import json
import logging
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import s3fs
from moto.server import ThreadedMotoServer

ROOT = Path(__file__).parents[1]
OPTIONS = "--backbone resnet18 --weights random:0 --image-sizes 64 --recipes single"
_REQUEST = re.compile(r"(?P<method>GET|HEAD|PUT|POST|DELETE) /bucket(?P<path>[^? ]*)(?P<query>\S*) HTTP")


class Counting(logging.Handler):
    """Counts what a server logs, by method and folder."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        found = _REQUEST.search(record.getMessage())
        if found:
            listing = re.search(r"prefix=([^&]*)", found["query"])
            parts = (listing[1].replace("%2F", "/") if listing else found["path"].strip("/")).split("/")
            place = parts[0] if parts[0] == "photos" else "/".join(parts[:2])
            self.counts[f"{'LIST' if listing else found['method']} {place}"] += 1

    def taken(self) -> dict[str, int]:
        counts, self.counts = self.counts, Counter()
        return dict(sorted(counts.items()))


def osrmac(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "osrmac", *arguments], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--shard-rows", type=int, default=10)
    options = parser.parse_args()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=True)
    server.start()
    host, port = server.get_host_and_port()
    counting = Counting()
    logger = logging.getLogger("werkzeug")
    logger.handlers, logger.propagate = [counting], False
    logger.setLevel(logging.INFO)
    os.environ |= {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "STANDIN_SECONDS": "0"}
    os.environ |= {"PYTHONPATH": f"{ROOT / 'benchmarks' / 'standin'}:{ROOT}", "STANDIN_LOG": os.devnull}
    store = s3fs.S3FileSystem()
    store.mkdir("bucket")
    for number in range(options.images):
        store.pipe_file(f"bucket/photos/{number:05d}.png", f"picture {number}".encode())
    counting.taken()
    images, run = "s3://bucket/photos", "s3://bucket/run"
    extract = ["extract", images, run, *OPTIONS.split(), "--shard-rows", str(options.shard_rows), "--workers", "1"]
    found = {}
    for name, command in {"extract": extract, "extract again": extract, "fit": ["fit", run]}.items():
        osrmac(*command)
        found[name] = counting.taken()
    shards = -(-options.images // options.shard_rows)
    result = {
        step: {
            what: {"requests": count, "an image": round(count / options.images, 3), "a shard": round(count / shards, 2)}
            for what, count in counts.items()
        }
        for step, counts in found.items()
    }
    sizes = {"images": options.images, "shards": shards}
    print(json.dumps({**sizes, **result}, indent=2))
    server.stop()


if __name__ == "__main__":
    main()
