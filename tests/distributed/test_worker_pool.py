import pytest
import ray

from osrmac.config import ComputeConfig
from osrmac.distributed.worker_pool import WorkerPool, size_worker_pool
from osrmac.errors import ConfigError


def test_without_options_the_pool_fills_the_cpus() -> None:
    assert size_worker_pool(ComputeConfig()) == WorkerPool(2, 2, "cpu", 1, 0.75, 0.0)
    assert size_worker_pool(ComputeConfig(threads=2)) == WorkerPool(1, 1, "cpu", 2, 1.5, 0.0)
    assert size_worker_pool(ComputeConfig(workers=1)) == WorkerPool(1, 1, "cpu", 1, 0.75, 0.0)


def test_on_gpus_the_pool_fills_every_share_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    node = {"Alive": True, "Resources": {"CPU": 16.0, "GPU": 2.0}}
    monkeypatch.setattr(ray, "nodes", lambda: [node, {"Alive": False, "Resources": {"GPU": 8.0}}])
    assert size_worker_pool(ComputeConfig()) == WorkerPool(2, 2, "cuda", 8, 6.0, 1.0)
    assert size_worker_pool(ComputeConfig(gpu_share=0.5)) == WorkerPool(4, 4, "cuda", 4, 3.0, 0.5)
    assert size_worker_pool(ComputeConfig(device="cpu", workers=1)).gpus == 0


def test_the_present_size_of_a_growing_cluster_sets_no_limit() -> None:
    config = ComputeConfig(device="cuda", max_workers=64, threads=4, gpu_share=0.5)
    assert size_worker_pool(config) == WorkerPool(1, 64, "cuda", 4, 3.0, 0.5)
    assert size_worker_pool(ComputeConfig(workers=3, max_workers=8)) == WorkerPool(3, 8, "cpu", 1, 0.75, 0.0)


def test_a_worker_that_leaves_no_cpu_for_other_tasks_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"1 workers of 3 threads do not fit into 2 CPUs and 0 GPUs .* --max-workers"):
        size_worker_pool(ComputeConfig(workers=1, threads=3))


def test_a_missing_gpu_is_refused() -> None:
    with pytest.raises(ConfigError, match="the cluster has no GPU: use --device cpu"):
        size_worker_pool(ComputeConfig(device="cuda"))
