"""The job for KubeRay and its overlays, checked without a cluster."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import ray
import yaml

from osrmac import __version__
from osrmac.cli import main
from osrmac.config import ComputeConfig, DescriptorConfig
from osrmac.distributed.worker_pool import size_worker_pool

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "kubernetes"
PAGE = ROOT / "docs" / "kubernetes.md"
OVERLAYS = ("base", "eks", "gke", "aks")
IMAGE = f"ghcr.io/OWNER/osrmac:{__version__}"

Manifests = dict[str, dict[str, Any]]


def build(folder: Path, manifests: Manifests | None = None) -> Manifests:
    """Return the manifests of a kustomization by kind, as `kubectl kustomize` builds them."""
    jsonpatch = pytest.importorskip("jsonpatch", reason="jsonpatch comes with moto")
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    built = dict(manifests or {})
    for name in (*kustomization.get("resources", ()), *kustomization.get("components", ())):
        path = (folder / name).resolve()
        if path.is_dir():
            built = build(path, built)
        else:
            # By way of JSON, as aliases of YAML would share the lists that a patch extends.
            manifest = json.loads(json.dumps(yaml.safe_load(path.read_text())))
            built[manifest["kind"]] = manifest
    for patch in kustomization.get("patches", ()):
        kind = patch["target"]["kind"]
        built[kind] = jsonpatch.apply_patch(built[kind], yaml.safe_load(patch["patch"]))
    return built


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def manifests(overlay: str) -> Manifests:
    return build(FOLDER / overlay)


@pytest.fixture
def cluster(manifests: Manifests) -> dict[str, Any]:
    spec: dict[str, Any] = manifests["RayJob"]["spec"]["rayClusterSpec"]
    return spec


def workers(cluster: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {group["groupName"]: group for group in cluster["workerGroupSpecs"]}


def pods(cluster: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (group["template"]["spec"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]))


def container(pod: dict[str, Any]) -> dict[str, Any]:
    (found,) = pod["containers"]
    return dict(found)


def test_every_folder_is_an_overlay_or_a_component() -> None:
    folders = {path.parent.name for path in FOLDER.glob("*/kustomization.yaml")}
    assert folders == {*OVERLAYS, "service-account"}
    assert {name for name in folders if f"kubernetes/{name}" not in PAGE.read_text()} == set()


def test_the_cluster_requires_a_token_and_has_the_tested_version_of_ray(
    manifests: Manifests, cluster: dict[str, Any]
) -> None:
    job = manifests["RayJob"]
    assert (job["apiVersion"], job["metadata"]["name"]) == ("ray.io/v1", "osrmac")
    assert cluster["rayVersion"] == version("ray")
    assert f"ray=={version('ray')}\n" in (ROOT / "constraints.txt").read_text()
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["enableInTreeAutoscaling"]


def test_the_head_runs_no_tasks_and_worker_groups_start_empty(cluster: dict[str, Any]) -> None:
    assert cluster["headGroupSpec"]["rayStartParams"] == {"num-cpus": "0"}
    assert workers(cluster).keys() == {"gpu-spot", "gpu-on-demand", "cpu-spot"}
    for group in workers(cluster).values():
        assert (group["minReplicas"], group["replicas"]) == (0, 0)


def test_pods_run_the_image_of_this_version_with_cuda_where_there_is_a_gpu(cluster: dict[str, Any]) -> None:
    for pod in pods(cluster):
        assert container(pod)["image"] == IMAGE + "-cuda" * ("nvidia.com/gpu" in container(pod)["resources"]["limits"])


def test_pods_get_what_they_request_and_gpu_groups_one_gpu(cluster: dict[str, Any]) -> None:
    for name, group in workers(cluster).items():
        resources = container(group["template"]["spec"])["resources"]
        assert all(resources["limits"][kind] == amount for kind, amount in resources["requests"].items())
        assert resources["limits"].get("nvidia.com/gpu") == ("1" if name.startswith("gpu") else None)


def test_credentials_come_from_the_secret_or_from_a_service_account(
    manifests: Manifests, cluster: dict[str, Any]
) -> None:
    account = manifests.get("ServiceAccount", {}).get("metadata", {}).get("name")
    for pod in pods(cluster):
        secret = None if account else [{"secretRef": {"name": "osrmac-bucket"}}]
        assert (pod.get("serviceAccountName"), container(pod).get("envFrom")) == (account, secret)


@pytest.mark.parametrize(
    ("overlay", "spot", "on_demand"),
    [
        ("base", {"karpenter.sh/capacity-type": "spot"}, {"karpenter.sh/capacity-type": "on-demand"}),
        ("eks", {"eks.amazonaws.com/capacityType": "SPOT"}, {"eks.amazonaws.com/capacityType": "ON_DEMAND"}),
        ("gke", {"cloud.google.com/gke-spot": "true"}, {}),
        ("aks", {"kubernetes.azure.com/scalesetpriority": "spot"}, {}),
    ],
    indirect=["overlay"],
)
def test_spot_groups_select_spot_nodes(
    overlay: str, spot: dict[str, str], on_demand: dict[str, str], cluster: dict[str, Any]
) -> None:
    selected = {name: group["template"]["spec"]["nodeSelector"] for name, group in workers(cluster).items()}
    assert selected["gpu-spot"].items() >= spot.items()
    assert selected["cpu-spot"] == spot
    assert selected["gpu-on-demand"].items() >= on_demand.items()
    assert not selected["gpu-on-demand"].items() & spot.items()
    accelerators = selected["gpu-spot"].keys() - spot.keys()
    assert accelerators == selected["gpu-on-demand"].keys() - on_demand.keys()


def test_spot_groups_of_aks_tolerate_the_taint_of_spot_nodes() -> None:
    groups = workers(build(FOLDER / "aks")["RayJob"]["spec"]["rayClusterSpec"])
    tolerated = {
        name: {toleration["key"] for toleration in group["template"]["spec"].get("tolerations", ())}
        for name, group in groups.items()
    }
    priority = "kubernetes.azure.com/scalesetpriority"
    assert tolerated == {
        "gpu-spot": {"nvidia.com/gpu", priority},
        "gpu-on-demand": {"nvidia.com/gpu"},
        "cpu-spot": {priority},
    }


def test_the_command_of_the_job_is_valid_and_its_workers_fit_the_nodes(
    manifests: Manifests, cluster: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    computes: list[ComputeConfig] = []

    def run_all(_images: str, _run: str, _descriptor: DescriptorConfig, compute: ComputeConfig, *_: Any) -> None:
        computes.append(compute)

    monkeypatch.setattr("osrmac.commands.run.run", run_all)
    monkeypatch.setattr("osrmac.cli.commands._write_run", lambda *_: None)
    command, *arguments = manifests["RayJob"]["spec"]["entrypoint"].split()
    assert command == "osrmac"
    main(arguments)
    (compute,) = computes
    group = workers(cluster)["gpu-spot"]
    assert (compute.device, compute.max_workers) == ("cuda", group["maxReplicas"])
    node = {"CPU": float(container(group["template"]["spec"])["resources"]["limits"]["cpu"]), "GPU": 1.0}
    monkeypatch.setattr(ray, "nodes", lambda: [{"Alive": True, "Resources": node}])
    assert size_worker_pool(replace(compute, max_workers=None)).threads == 8


def test_the_documentation_creates_the_secret_with_the_variables_that_osrmac_reads() -> None:
    created = set(re.findall(r"--from-literal=(\w+)=", PAGE.read_text()))
    documented = set(re.findall(r"`(AWS_\w+)", (ROOT / "docs" / "bucket.md").read_text()))
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} < created <= documented
    assert "generic osrmac-bucket" in PAGE.read_text()


@pytest.mark.integration
def test_pods_are_valid_by_the_schema_of_kubernetes(cluster: dict[str, Any]) -> None:
    for pod in pods(cluster):
        manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "osrmac"}, "spec": pod}
        kubernetes_validate.validate(manifest, "1.34", strict=True)
