"""Images that kill the process that describes them, or never end."""

from collections.abc import Callable

import pytest

from osrmac.runs.failures import summary

from .conftest import Command, committed, picture
from .instrumented.sitecustomize import DEADLY, STUCK

IMAGES = 40


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("poison", "options"), [(DEADLY, []), (STUCK, ["--image-timeout", "3"])])
def test_an_image_that_kills_becomes_a_row_and_the_rest_goes_on(
    command: Callable[..., Command], poison: bytes, options: list[str]
) -> None:
    poisoned = command(IMAGES, "--shard-rows", "10", *options)
    bad = {"0007.png", "0023.png"}
    for number, name in enumerate(sorted(bad)):
        (poisoned.images / name).write_bytes(picture(number) + poison)
    output = poisoned.finish()
    assert "38 images described, 2 failed" in output
    rows = committed(poisoned.run).to_pylist()
    assert {row["id"] for row in rows if row["status"] == "failed"} == bad
    described, (failures,) = summary(poisoned.run)
    assert described == IMAGES - 2
    assert (failures.stage, failures.count) == ("describe", 2)
    assert "died of it 3 times" in failures.reason
