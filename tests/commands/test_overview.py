from pathlib import Path
from unittest import mock

import pytest

from osrmac.commands.overview import overview, refresh_overview
from osrmac.config import OverviewConfig
from osrmac.errors import StorageError
from osrmac.storage.lock import Part, locked
from osrmac.storage.run import Run
from tests.prunable_run import prunable_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return prunable_run(tmp_path)


def test_a_current_overview_of_as_many_images_is_not_made_again(run: Run) -> None:
    found = overview(run.url)
    assert (found.facts.images, found.facts.sampled) == (19, 19)
    with mock.patch("osrmac.commands.overview.make_overview", side_effect=AssertionError):
        assert overview(run.url, OverviewConfig(sample=19)).facts == found.facts
    assert overview(run.url, OverviewConfig(sample=8)).facts.sampled == 8
    refresh_overview(run)  # which takes one of any sample
    assert overview(run.url, OverviewConfig(sample=8)).facts.sampled == 8
    assert overview(run.url).facts.sampled == 19


def test_a_missing_overview_is_made_for_a_report_and_where_that_is_impossible_a_note_says_so(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run.overview.remove()
    with locked(run.location, Part.OVERVIEW):
        refresh_overview(run)
        assert "no new overview: " in capsys.readouterr().err
        with pytest.raises(StorageError, match="writes its overview"):
            overview(run.url)
    refresh_overview(run)
    assert overview(run.url).stale is None
