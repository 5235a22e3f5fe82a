"""The cluster definitions, checked without a cloud."""

import json
import re
from dataclasses import replace
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray
import yaml

from osrmac.cli import main
from osrmac.config import ComputeConfig, DescriptorConfig
from osrmac.distributed.worker_pool import size_worker_pool

ROOT = Path(__file__).parents[1]
INDIRECT = {"fsspec", "numpy", "pillow", "threadpoolctl"}  # installed as dependencies of the named packages


@pytest.fixture
def aws() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    return loaded


@pytest.fixture
def job() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "rayjob.yaml").read_text())
    return loaded


def test_the_definition_is_valid_by_the_schema_of_ray(aws: dict[str, Any]) -> None:
    schema = json.loads((Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text())
    jsonschema.validate(aws, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**aws, "idle_timeout": 5}, schema)


def test_ray_accepts_the_prepared_definition(aws: dict[str, Any]) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared = prepare_config(aws)
    validate_config(prepared)
    assert prepared["available_node_types"].keys() == aws["available_node_types"].keys()


def test_the_head_runs_no_tasks_and_worker_groups_start_empty(aws: dict[str, Any]) -> None:
    types = dict(aws["available_node_types"])
    head = types.pop(aws["head_node_type"])
    assert head["resources"] == {"CPU": 0}
    assert "InstanceMarketOptions" not in head["node_config"]
    assert {name: found["min_workers"] for name, found in types.items()} == dict.fromkeys(types, 0)
    assert sum(found["max_workers"] for found in types.values()) == aws["max_workers"]
    spot, on_demand = types["gpu-spot"], types["gpu-on-demand"]
    assert spot["node_config"].pop("InstanceMarketOptions") == {"MarketType": "spot"}
    assert spot["priority"] > on_demand.get("priority", 0)
    assert (spot["resources"], spot["node_config"]) == (on_demand["resources"], on_demand["node_config"])


def test_every_node_installs_the_dependencies_of_osrmac(aws: dict[str, Any]) -> None:
    (install,) = (command for command in aws["setup_commands"] if "pip install" in command)
    needed = [re.split(r"[^\w-]", line)[0] for line in requires("osrmac") or () if "extra ==" not in line]
    assert {name for name in needed if name not in install} == INDIRECT
    assert "constraints.txt" in aws["file_mounts"].values()


def test_every_node_requires_the_token(aws: dict[str, Any], job: dict[str, Any]) -> None:
    starts = [aws[f"{kind}_start_ray_commands"][-1] for kind in ("head", "worker")]
    assert all("RAY_AUTH_MODE=token" in start for start in starts)
    assert "~/.ray/auth_token" in aws["file_mounts"].values()
    assert job["spec"]["rayClusterSpec"]["authOptions"] == {"mode": "token"}


def test_the_kubernetes_job_has_the_same_node_groups(job: dict[str, Any]) -> None:
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["rayVersion"] == version("ray")
    assert cluster["enableInTreeAutoscaling"]
    assert cluster["headGroupSpec"]["rayStartParams"] == {"num-cpus": "0"}
    groups = {group["groupName"]: group for group in cluster["workerGroupSpecs"]}
    assert set(groups) == {"gpu-spot", "gpu-on-demand", "cpu-spot"}
    for group in groups.values():
        assert (group["minReplicas"], group["replicas"]) == (0, 0)
        (container,) = group["template"]["spec"]["containers"]
        limits, requests = container["resources"]["limits"], container["resources"]["requests"]
        assert all(limits[kind] == amount for kind, amount in requests.items())
        assert ("nvidia.com/gpu" in limits) == group["groupName"].startswith("gpu")


def test_the_command_of_the_job_is_valid_and_its_workers_fit_the_nodes(
    job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    computes: list[ComputeConfig] = []

    def run_all(_images: str, _run: str, _descriptor: DescriptorConfig, compute: ComputeConfig, *_: Any) -> None:
        computes.append(compute)

    monkeypatch.setattr("osrmac.commands.run.run", run_all)
    monkeypatch.setattr("osrmac.cli.commands._write_run", lambda *_: None)
    command, *arguments = job["spec"]["entrypoint"].split()
    assert command == "osrmac"
    main(arguments)
    (compute,) = computes
    groups = {group["groupName"]: group for group in job["spec"]["rayClusterSpec"]["workerGroupSpecs"]}
    assert (compute.device, compute.max_workers) == ("cuda", groups["gpu-spot"]["maxReplicas"])
    (container,) = groups["gpu-spot"]["template"]["spec"]["containers"]
    node = {"CPU": float(container["resources"]["limits"]["cpu"]), "GPU": 1.0}
    monkeypatch.setattr(ray, "nodes", lambda: [{"Alive": True, "Resources": node}])
    assert size_worker_pool(replace(compute, max_workers=None)).threads == 8
