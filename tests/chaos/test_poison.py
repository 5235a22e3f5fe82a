"""Images that kill the worker that describes them, or keep it busy without end."""

from collections.abc import Callable

import pytest

from osrmac.runs.failures import summary

from .conftest import Command, committed, picture
from .instrumented.sitecustomize import ENDLESS, LETHAL

IMAGES = 40


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("poison", "options"), [(LETHAL, []), (ENDLESS, ["--image-timeout", "3"])])
def test_an_image_that_kills_workers_becomes_a_failed_row_and_the_others_are_described(
    command: Callable[..., Command], poison: bytes, options: list[str]
) -> None:
    extraction = command(IMAGES, "--shard-rows", "10", *options)
    poisoned = {"0007.png", "0023.png"}
    for number, name in enumerate(sorted(poisoned)):
        (extraction.images / name).write_bytes(picture(number) + poison)
    assert "38 images described, 2 failed" in extraction.finish()
    rows = committed(extraction.run).to_pylist()
    assert {row["id"] for row in rows if row["status"] == "failed"} == poisoned
    described, (failures,) = summary(extraction.run)
    assert described == IMAGES - 2
    assert (failures.stage, failures.count) == ("describe", 2)
    assert "died of it 3 times" in failures.reason
