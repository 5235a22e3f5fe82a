import pytest

from osrmac.config import ComputeConfig
from osrmac.distributed.cluster import Pool, size_pool
from osrmac.errors import ConfigError


def test_the_pool_is_what_the_cpus_carry() -> None:
    assert size_pool(ComputeConfig()) == Pool(2, 2, "cpu", 1, 0.75, 0.0)
    assert size_pool(ComputeConfig(threads=2)) == Pool(1, 1, "cpu", 2, 1.5, 0.0)
    assert size_pool(ComputeConfig(workers=1)) == Pool(1, 1, "cpu", 1, 0.75, 0.0)


def test_a_cluster_that_grows_is_not_measured_by_what_it_has_now() -> None:
    wanted = ComputeConfig(device="cuda", max_workers=64, threads=4, gpu_share=0.5)
    assert size_pool(wanted) == Pool(1, 64, "cuda", 4, 3.0, 0.5)
    assert size_pool(ComputeConfig(workers=3, max_workers=8)) == Pool(3, 8, "cpu", 1, 0.75, 0.0)


def test_one_actor_that_leaves_nothing_of_two_cpus_is_refused_before_the_start() -> None:
    with pytest.raises(ConfigError, match=r"1 workers of 3 threads do not fit into 2 CPUs and 0 GPUs .* --max-workers"):
        size_pool(ComputeConfig(workers=1, threads=3))
