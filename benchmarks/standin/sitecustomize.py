"""Put on the path of a run, this describes images by sleeping, so that a cluster is measured and not its processors.

An image takes $STANDIN_SECONDS; its vectors follow from its bytes. Every image adds a line of process and time to
$STANDIN_LOG.
"""

import hashlib
import importlib.abc
import importlib.util
import os
import sys
import time
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_MODULE = "osrmac.descriptor.describer"


def vector(content: bytes, length: int) -> Any:
    """What an image is described by, (length,), float32, of unit norm."""
    import numpy as np  # noqa: PLC0415  # not in every process of a cluster

    drawn = np.random.default_rng(int.from_bytes(hashlib.sha256(content).digest()[:8], "big"))
    values = drawn.random(length, np.float32)
    return values / np.linalg.norm(values)


def _stand_in(module: Any) -> type:
    class StandIn(module.Describer):  # type: ignore[misc]
        def __init__(self, backbone: Any, config: Any, device: str = "cpu", **_options: Any) -> None:
            super().__init__(backbone, config, "cpu")

        def __call__(self, encoded: Any, boxes: Any = None) -> Any:
            return list(self.stream(encoded))

        def stream(self, encoded: Any, boxes: Any = None) -> Any:
            for content in encoded:
                time.sleep(float(os.environ["STANDIN_SECONDS"]))
                _log()
                if isinstance(content, Exception):
                    yield module.Failure("fetch", repr(content))
                else:
                    vectors = {recipe: vector(content, length) for recipe, length in self.dimensions.items()}
                    yield module.Description(1, 1, vectors)

    return StandIn


def _log() -> None:
    log = os.open(os.environ["STANDIN_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(log, f"{os.getpid()} {time.time()}\n".encode())
    os.close(log)


class _Finder(importlib.abc.MetaPathFinder):
    """Replaces `Describer` as its module is imported."""

    def find_spec(self, name: str, *_place: object) -> ModuleSpec | None:
        if name != _MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def execute_and_replace(module: ModuleType) -> None:
            execute(module)
            module.Describer = _stand_in(module)  # type: ignore[attr-defined]

        spec.loader.exec_module = execute_and_replace  # type: ignore[method-assign]
        return spec


if "STANDIN_SECONDS" in os.environ:
    sys.meta_path.insert(0, _Finder())
