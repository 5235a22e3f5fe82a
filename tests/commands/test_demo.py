from pathlib import Path

import pytest

from osrmac.commands.demo import demo
from osrmac.config import ComputeConfig, DescriptorConfig, ReductionConfig
from osrmac.demo_collection import SCENES, VIEWS
from osrmac.errors import ConfigError

TINY = DescriptorConfig(backbone="resnet18", weights="random:0", recipes=("osrmac",), image_sizes=(48, 32))


@pytest.mark.integration
def test_the_demo_describes_fits_scores_and_reports_its_own_collection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("osrmac.demo_collection.SCENES", SCENES[:3])
    run = tmp_path / "demo"
    options = ReductionConfig(features=(4,), retained_variance=0.8)
    result = demo(str(run), TINY, ComputeConfig(workers=1, threads=2), options)
    assert result.extraction.described == 3 * VIEWS
    assert result.evaluation is not None
    assert [score.method for score in result.evaluation.scores if score.mode == "all"] == [
        "osrmac",
        "osrmac-leverage-4",
        "osrmac-pfa-4",
        "osrmac-random-4",
        "osrmac-variance-4",
    ]
    assert "osrmac-pfa-4" in Path(result.report).read_text()
    assert {path.name for path in run.iterdir()} >= {"collection", "descriptors", "run.json"}


def test_nothing_is_made_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"a file is at .*file: choose another folder"):
        demo(str(tmp_path / "file" / "demo"), TINY)
