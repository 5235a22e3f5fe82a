"""Measure planning from the listing of a bucket: time and peak memory of the driver.

A local server generates the pages of an S3 listing; its memory does not count, and its time is reported separately. A
tenth of the images and all of them are planned, each in a process of its own. Prints JSON.
"""

import multiprocessing
import os
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.sharedctypes import Synchronized
from urllib.parse import parse_qs, urlsplit

from benchmarks.common import parser, show
from benchmarks.plan import ROW_BYTES, in_a_process
from osrmac.storage import manifest, shards
from osrmac.storage.listing.collection import listing
from osrmac.storage.location import Location

PAGE = 1000
OBJECT = (
    "<Contents><Key>scans/{0:03d}/{1:010d}.jpg</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    '<ETag>"{1:032x}"</ETag><Size>{1}</Size><StorageClass>STANDARD</StorageClass></Contents>'
)


class Bucket(BaseHTTPRequestHandler):
    """A bucket of generated images that supports only listing."""

    protocol_version = "HTTP/1.1"
    images = 0
    requests: "Synchronized[int]"
    seconds: "Synchronized[float]"

    def do_GET(self) -> None:
        started = time.perf_counter()
        query = parse_qs(urlsplit(self.path).query)
        start = int(query.get("continuation-token", ["0"])[0])
        stop = min(start + PAGE, self.images)
        objects = "".join(OBJECT.format(number % 1000, number) for number in range(start, stop))
        more = f"<NextContinuationToken>{stop}</NextContinuationToken>" if stop < self.images else ""
        content = (
            f"<ListBucketResult><IsTruncated>{str(bool(more)).lower()}</IsTruncated>{more}{objects}</ListBucketResult>"
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.requests.value += 1
        self.seconds.value += time.perf_counter() - started

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def serve(
    images: int, requests: "Synchronized[int]", seconds: "Synchronized[float]", port: "Synchronized[int]"
) -> None:
    handler = type("Sized", (Bucket,), {"images": images, "requests": requests, "seconds": seconds})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    port.value = server.server_address[1]
    server.serve_forever()


def plan(folder: str) -> dict[str, int]:
    changes = manifest.update(
        Location.of(f"{folder}/manifest"),
        Location.of(f"{folder}/descriptors"),
        listing(Location.of("s3://archive/scans")),
        lambda new, images: shards.shard_count(new, images, ROW_BYTES, workers=16, rows=64),
    )
    return {"new": changes.new}


def planned(images: int) -> dict[str, float]:
    context = multiprocessing.get_context("spawn")
    requests, seconds, port = context.Value("i", 0), context.Value("d", 0.0), context.Value("i", 0)
    server = context.Process(target=serve, args=(images, requests, seconds, port), daemon=True)
    server.start()
    while not port.value:
        time.sleep(0.1)
    os.environ |= {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port.value}", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    with tempfile.TemporaryDirectory() as folder:
        result = in_a_process(plan, folder)
    server.terminate()
    return {**result, "requests": requests.value, "seconds of the server": round(seconds.value, 1)}


def main() -> None:
    chosen = parser(__doc__)
    chosen.add_argument("--images", type=int, default=2_000_000)
    images = chosen.parse_args().images
    show({f"{number} images": planned(number) for number in (images // 10, images)})


if __name__ == "__main__":
    main()
