"""The definition of a cluster on AWS, checked without a cloud."""

import json
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray
import yaml

from osrmac import __version__

ROOT = Path(__file__).parents[1]
DEFINITION = ROOT / "cluster.yaml"
REGISTRY = "ghcr.io/OWNER/osrmac"


@pytest.fixture
def aws() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(DEFINITION.read_text())
    return loaded


def policy(name: str) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = json.loads((ROOT / "aws" / f"{name}.json").read_text())["Statement"]
    return statements


def listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def allowing(statements: list[dict[str, Any]], action: str) -> Iterator[dict[str, Any]]:
    return (found for found in statements if action in listed(found["Action"]))


def prepared(aws: dict[str, Any]) -> dict[str, Any]:
    from ray.autoscaler._private.util import prepare_config, validate_config

    definition: dict[str, Any] = prepare_config(aws)
    validate_config(definition)
    return definition


def test_the_definition_is_valid_by_the_schema_of_ray(aws: dict[str, Any]) -> None:
    schema = json.loads((Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text())
    jsonschema.validate(aws, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**aws, "idle_timeout": 5}, schema)


def test_ray_accepts_the_prepared_definition(aws: dict[str, Any]) -> None:
    assert prepared(aws)["available_node_types"].keys() == aws["available_node_types"].keys()


def test_nodes_install_nothing(aws: dict[str, Any]) -> None:
    definition = prepared(aws)
    kinds = ("setup_commands", "head_setup_commands", "worker_setup_commands")
    assert {kind: definition[kind] for kind in kinds} == {kind: [] for kind in kinds}
    assert not [line for line in definition["initialization_commands"] if "install" in line or "pip" in line]


def test_nodes_run_the_image_of_this_version_with_cuda_where_there_is_a_gpu(aws: dict[str, Any]) -> None:
    common = aws["docker"]["image"]
    assert common == f"{REGISTRY}:{__version__}"
    for found in aws["available_node_types"].values():
        special = found.get("docker", {"worker_image": common, "worker_run_options": []})
        has_gpu = "GPU" in found["resources"]
        assert special["worker_image"] == common + "-cuda" * has_gpu
        assert ("--gpus=all" in special["worker_run_options"]) == has_gpu


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


def test_every_node_requires_the_token(aws: dict[str, Any]) -> None:
    options = aws["docker"]["run_options"]
    settings = dict(option.split("=")[1:] for option in options if option.startswith("--env="))
    assert settings["RAY_AUTH_MODE"] == "token"
    assert aws["file_mounts"] == {settings["RAY_AUTH_TOKEN_PATH"]: "~/.ray/auth_token"}


def test_only_the_head_may_start_instances_and_gives_them_the_role_of_workers(aws: dict[str, Any]) -> None:
    types = dict(aws["available_node_types"])
    assert types.pop(aws["head_node_type"])["node_config"]["IamInstanceProfile"] == {"Name": "osrmac-head"}
    (worker,) = {found["node_config"]["IamInstanceProfile"]["Name"] for found in types.values()}
    (passed,) = allowing(policy("autoscaler"), "iam:PassRole")
    assert passed["Resource"] == f"arn:aws:iam::*:role/{worker}"


def test_the_autoscaler_ends_instances_of_its_own_cluster_only(aws: dict[str, Any]) -> None:
    (statement,) = allowing(policy("autoscaler"), "ec2:TerminateInstances")
    assert statement["Condition"] == {"StringEquals": {"aws:ResourceTag/ray-cluster-name": aws["cluster_name"]}}


def test_the_bucket_policy_lets_runs_be_written_and_images_only_be_read() -> None:
    objects = [found for found in policy("bucket") if listed(found["Resource"])[0].endswith("*")]

    def allowed(action: str, key: str) -> bool:
        return any(fnmatch(f"arn:aws:s3:::{key}", found["Resource"]) for found in allowing(objects, action))

    assert allowed("s3:GetObject", "archive/scans/0001.tif")
    assert not allowed("s3:PutObject", "archive/scans/0001.tif")
    assert not allowed("s3:DeleteObject", "archive/scans/0001.tif")
    for action in ("GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload"):
        assert allowed(f"s3:{action}", "archive/scans-run/run.json")


@pytest.mark.integration
def test_the_autoscaler_of_ray_starts_every_type_of_node_with_the_actions_of_its_policy(
    aws: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    boto3 = pytest.importorskip("boto3")
    from botocore.client import BaseClient
    from moto import mock_aws
    from ray.autoscaler._private.commands import _bootstrap_config
    from ray.autoscaler._private.providers import _get_node_provider
    from ray.autoscaler.tags import TAG_RAY_NODE_KIND, TAG_RAY_NODE_NAME, TAG_RAY_USER_NODE_TYPE

    for name, value in {"HOME": str(tmp_path), "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}.items():
        monkeypatch.setenv(name, value)
    called: set[str] = set()
    call = BaseClient._make_api_call

    def record(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
        called.add(f"{client.meta.service_model.service_name}:{operation}")
        return call(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", record)
    with mock_aws():
        iam, ec2 = (boto3.client(name, region_name=aws["provider"]["region"]) for name in ("iam", "ec2"))
        for role in ("osrmac-head", "osrmac-worker"):
            trust = (ROOT / "aws" / "assume-role.json").read_text()
            iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)
            iam.create_instance_profile(InstanceProfileName=role)
            iam.add_role_to_instance_profile(InstanceProfileName=role, RoleName=role)
        image = ec2.describe_images()["Images"][0]["ImageId"]
        text = DEFINITION.read_text().replace("ami-REPLACE", image)
        definition = _bootstrap_config(yaml.safe_load(text), no_config_cache=True)
        provider = _get_node_provider(definition["provider"], definition["cluster_name"])
        called.clear()
        for name, found in definition["available_node_types"].items():
            kind = "head" if name == definition["head_node_type"] else "worker"
            tags = {TAG_RAY_NODE_KIND: kind, TAG_RAY_USER_NODE_TYPE: name, TAG_RAY_NODE_NAME: name}
            (node,) = provider.create_node(found["node_config"], tags, 1).values()
            assert node.instance_type == found["node_config"]["InstanceType"]
        nodes = provider.non_terminated_nodes({})
        assert len(nodes) == len(aws["available_node_types"])
        provider.set_node_tags(nodes[0], {"ray-node-status": "up-to-date"})
        provider.terminate_nodes(nodes)
        assert provider.non_terminated_nodes({}) == []
    allowed = {action for found in policy("autoscaler") for action in listed(found["Action"])}
    assert {"ec2:RunInstances", "ec2:CreateTags", "ec2:TerminateInstances"} <= called <= allowed
