import json

from tests.estimates import ESTIMATE


def test_the_json_is_plain_and_has_the_number_of_failures() -> None:
    value = json.loads(json.dumps(ESTIMATE.to_json()))
    assert value["sample"]["failed"] == 2
    assert value["volume"]["requests"] == {"gets": 1_003_000, "puts": 2000}
    assert value["machine"]["margin_hours"] == 1.25
