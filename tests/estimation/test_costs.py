import pytest

from osrmac.config import EstimateConfig
from osrmac.estimation.costs import Requests, Volume, costs, in_object_stores, requests, volume

MILLION = Volume(300 * 10**9, 10 * 10**9, 2_500_000_000, 500, Requests(1_003_000, 2000))


def test_requests_are_one_get_for_an_image_and_those_of_its_shard() -> None:
    assert requests(1_000_000, 500) == Requests(1_000_000 + 6 * 500, 2 * 500 + 1000)


def test_images_of_a_list_are_not_listed_by_pages() -> None:
    assert requests(1_000_000, 500, listed=False) == Requests(1_003_000, 1000)


def test_local_images_make_no_requests() -> None:
    assert requests(0, 500) == Requests(0, 0)


def test_images_in_archives_of_a_bucket_are_in_an_object_store() -> None:
    assert in_object_stores(["s3://bucket/a.tar#bytes=512-900", "gs://b/a.jpg", "file:///a.jpg", "a.jpg"]) == 2


def test_a_reduction_takes_a_quarter() -> None:
    assert volume(1_000_000, 500, 10_000.0, 300 * 10**9, Requests(1_003_000, 2000)) == MILLION


def test_only_what_has_a_price_costs() -> None:
    assert costs(100, 2, MILLION, EstimateConfig()) == {}
    assert costs(100, 2, MILLION, EstimateConfig(cpu_price=0.05)) == {"cpus": 5.0}
    assert costs(0, 2, MILLION, EstimateConfig(gpu_price=3.0)) == {"gpus": 6.0}


def test_each_item_has_its_own_unit() -> None:
    prices = EstimateConfig(get_price=0.4, put_price=5.0, storage_price=0.02)
    expected = {"requests": 1.003 * 0.4 + 0.002 * 5, "storage": 12.5 * 0.02}
    assert costs(100, 2, MILLION, prices) == pytest.approx(expected)


def test_requests_of_one_kind_alone_may_have_a_price() -> None:
    assert costs(0, 0, MILLION, EstimateConfig(get_price=1.0)) == pytest.approx({"requests": 1.003})
