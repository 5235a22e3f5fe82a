import pytest

from osrmac.errors import DamagedFileError
from osrmac.storage.damage import damaged, expected_content


@pytest.mark.parametrize(
    ("file", "advice"),
    [
        ("/photos/run/run.json", "remove it and run the same osrmac extract again, which writes a new one"),
        ("/run/manifest/part-00000.parquet", "restore it from a copy"),
        ("s3://bucket/manifest/run/descriptors/part-1.parquet", "the same osrmac extract again, which describes its"),
        ("/run/queries/oxford5k/part-1.parquet", "run osrmac evaluate again"),
        ("/run/reduced/osrmac-pfa-8/part-1.parquet", "run osrmac fit again"),
        ("/run/selection/osrmac-pfa-8.json", "run the osrmac fit or fit-weights again"),
        ("/run/evaluation/groups.json", "run osrmac evaluate again"),
        ("/run/index/osrmac-pfa-8/index.json", "run osrmac index again"),
        ("/run/report.html", "run osrmac report again"),
        ("/elsewhere/list.json", "restore it from a copy"),
    ],
)
def test_the_advice_depends_on_the_part_of_the_run(file: str, advice: str) -> None:
    message = str(damaged(file, "it is empty"))
    assert message.startswith(f"{file} is damaged (it is empty): ")
    assert advice in message


def test_unexpected_content_is_reported_as_damage() -> None:
    values: dict[str, int] = {}
    problem = r"/run/selection/a.json is damaged \(KeyError: 'name'\)"
    with pytest.raises(DamagedFileError, match=problem), expected_content("/run/selection/a.json"):
        values["name"]
