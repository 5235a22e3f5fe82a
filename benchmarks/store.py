"""Count the requests to an object store, at a local S3 server.

A stub replaces the network, which makes no requests. Prints JSON: for an extraction, for the same command on the
finished run, and for a fit, the requests by method and folder, in total, per image and per shard.
"""

import argparse
import json
import logging
import os
import re
import subprocess
import sys
from collections import Counter

import s3fs
from moto.server import ThreadedMotoServer

from benchmarks.common import ROOT, extract_command

OPTIONS = "--backbone resnet18 --weights random:0 --image-sizes 64 --recipes single"
_REQUEST = re.compile(r"(?P<method>GET|HEAD|PUT|POST|DELETE) /bucket(?P<path>[^? ]*)(?P<query>\S*) HTTP")


class RequestCounter(logging.Handler):
    """Counts the requests in the log of a server, by method and folder."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        request = _REQUEST.search(record.getMessage())
        if request:
            listing = re.search(r"prefix=([^&]*)", request["query"])
            parts = (listing[1].replace("%2F", "/") if listing else request["path"].strip("/")).split("/")
            folder = parts[0] if parts[0] == "photos" else "/".join(parts[:2])
            self.counts[f"{'LIST' if listing else request['method']} {folder}"] += 1

    def take(self) -> dict[str, int]:
        counts, self.counts = self.counts, Counter()
        return dict(sorted(counts.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--shard-rows", type=int, default=10)
    options = parser.parse_args()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=True)
    server.start()
    host, port = server.get_host_and_port()
    counter = RequestCounter()
    logger = logging.getLogger("werkzeug")
    logger.handlers, logger.propagate = [counter], False
    logger.setLevel(logging.INFO)
    os.environ |= {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "STANDIN_SECONDS": "0"}
    os.environ |= {"PYTHONPATH": f"{ROOT / 'benchmarks' / 'standin'}:{ROOT}", "STANDIN_LOG": os.devnull}
    store = s3fs.S3FileSystem()
    store.mkdir("bucket")
    for number in range(options.images):
        store.pipe_file(f"bucket/photos/{number:05d}.png", f"picture {number}".encode())
    counter.take()
    settings = [*OPTIONS.split(), "--shard-rows", str(options.shard_rows), "--workers", "1"]
    extract = extract_command("s3://bucket/photos", "s3://bucket/run", *settings)
    fit = [sys.executable, "-m", "osrmac", "fit", "s3://bucket/run"]
    requests = {}
    for name, command in {"extract": extract, "extract again": extract, "fit": fit}.items():
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        requests[name] = counter.take()
    shards = -(-options.images // options.shard_rows)
    result = {
        step: {
            name: {
                "requests": count,
                "per image": round(count / options.images, 3),
                "per shard": round(count / shards, 2),
            }
            for name, count in counts.items()
        }
        for step, counts in requests.items()
    }
    sizes = {"images": options.images, "shards": shards}
    print(json.dumps({**sizes, **result}, indent=2))
    server.stop()


if __name__ == "__main__":
    main()
