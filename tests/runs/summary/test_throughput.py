from osrmac.runs.summary.throughput import Throughput


def test_the_total_of_all_calls_is_read() -> None:
    stage = {"images": 5, "seconds": 2.0, "total": {"images": 105, "seconds": 52.0}}
    assert Throughput.of(stage) == Throughput(105, 52.0)


def test_a_record_without_total_has_the_last_call_only() -> None:
    assert Throughput.of({"images": 5, "seconds": 2.0, "finished": "2026-01-02"}) == Throughput(5, 2.0)
    assert Throughput.of({}) == Throughput()


def test_calls_add_up() -> None:
    assert Throughput(100, 50.0) + Throughput(5, 2.0004) == Throughput(105, 52.0)
