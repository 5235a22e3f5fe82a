from osrmac.pages.quantities import format_bytes, format_duration, format_rate
from osrmac.runs.summary.throughput import Throughput


def test_bytes_are_given_in_the_largest_decimal_unit() -> None:
    assert [format_bytes(999), format_bytes(5e15)] == ["999 bytes", "5000 TB"]


def test_a_rate_is_given_per_second_or_per_minute() -> None:
    assert format_rate(Throughput(30, 2.0)) == "15.0 images/s"
    assert format_rate(Throughput(30, 120.0)) == "15.0 images/min"
    assert [format_rate(Throughput()), format_rate(Throughput(30, 0.0))] == ["", ""]


def test_a_duration_is_given_in_its_two_largest_units() -> None:
    assert [format_duration(59.94), format_duration(3600), format_duration(0)] == ["59.9 s", "1 h 0 min", "0.0 s"]
