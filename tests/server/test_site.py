from pathlib import Path

import pytest

from osrmac.config import ServeConfig
from osrmac.errors import ConfigError, StorageError
from osrmac.server.columns import read_columns
from osrmac.server.site import Site
from osrmac.storage.run import Run

NO_COLUMNS = read_columns(None)


def test_images_are_compared_as_the_options_say(written: Run) -> None:
    site = Site(written, ServeConfig(method="single", distance="cosine", query_expansion=3, max_upload=5), NO_COLUMNS)
    options = site.current.get().options
    assert (options.method, options.distance, options.query_expansion) == ("single", "cosine", 3)
    assert site.max_body == 10_005
    assert site.name.endswith("/photos")


def test_what_cannot_be_served_is_refused(written: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no method best"):
        Site(written, ServeConfig(method="best"), NO_COLUMNS)
    with pytest.raises(StorageError, match="no run at"):
        Site(Run(str(tmp_path / "gone")), ServeConfig(), NO_COLUMNS)


def test_the_name_has_no_credentials(own: Run) -> None:
    record = own.record() | {"images": "s3://key:secret@archive/photos"}
    (own.location / "run.json").write_json(record)
    assert "secret" not in Site(own, ServeConfig(), NO_COLUMNS).name


def test_without_weights_images_of_the_run_can_still_be_searched(
    own: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_: object) -> None:
        raise StorageError("the weights are gone")

    monkeypatch.setattr("osrmac.runs.query_describer.QueryDescriber", unavailable)
    site = Site(own, ServeConfig(), NO_COLUMNS)
    site.load_network()
    shown = capsys.readouterr().err
    assert "uploaded pictures and parts of pictures cannot be searched for: the weights are gone" in shown
    assert site.current.get().described == 30


def test_there_is_no_overview_and_no_duplicates_until_they_are_made(written: Run) -> None:
    site = Site(written, ServeConfig(), NO_COLUMNS)
    assert (site.overview(), site.duplicates()) == (None, None)
