import json
from pathlib import Path

import pytest

from osrmac.cli import main
from tests.prunable_run import prunable_run


def test_an_overview_is_shown_as_tables_and_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = prunable_run(tmp_path)
    main(["overview", run.url, "--format", "json"])
    shown = json.loads(capsys.readouterr().out)
    assert (shown["images"], shown["sampled"], shown["method"]) == (19, 19, "osrmac-pfa-2")
    assert shown["groups"]
    assert shown["outliers"]
    main(["overview", run.url])
    text = capsys.readouterr().out
    assert "Groups" in text
    assert shown["groups"][0]["ids"][0] in text
    assert "Unlike all others" in text
    assert "l1 to the tenth-nearest" in text
    assert f"written to {run.url}/overview" in text
    main(["overview", run.url, "--sample", "10"])
    assert "groups found among 10 images, compared by osrmac-pfa-2" in capsys.readouterr().out
