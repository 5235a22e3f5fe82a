"""Check that a Ray cluster answers at an address, because `ray.init` gives up late, and does not say why."""

from __future__ import annotations

import socket
from pathlib import Path

import grpc
from ray._private import services
from ray._private.grpc_utils import init_grpc_channel
from ray._raylet import GcsClient  # type: ignore[attr-defined]

from osrmac.errors import ConfigError

__all__ = ["check_address"]

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 10.0
_NODE_SECONDS = 5
_CLIENT = "ray://"
_ADVICE = "correct --address or $RAY_ADDRESS, or start the cluster"
_SILENT = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNIMPLEMENTED)


def check_address(address: str) -> None:
    """Check that a program on this machine can connect to a cluster.

    Args:
        address: `HOST:PORT`, `ray://HOST:PORT` or `auto`, the cluster that runs on this machine.

    Raises:
        ConfigError: The address is malformed, no cluster answers within 20 seconds, the cluster demands a token, or it
            has no node on this machine, on which Ray relies except for `ray://`.
    """
    if address == "auto":
        _check_own_cluster()
        return
    is_client = address.startswith(_CLIENT)
    _require_ray(address, is_client=is_client)
    if not is_client:
        _require_node(address)


def _check_own_cluster() -> None:
    try:
        address = services.canonicalize_bootstrap_address("auto") or ""
    except ConnectionError as error:
        raise ConfigError("no Ray cluster runs on this machine: correct --address, or start one") from error
    # `ray.init` finds the token that `ray start` has stored.
    _require_ray(address, is_client=False, may_demand_token=True)


def _require_ray(address: str, *, is_client: bool, may_demand_token: bool = False) -> None:
    endpoint = address.removeprefix(_CLIENT)
    _require_listener(address, *_host_and_port(endpoint, address))
    try:
        _call(endpoint, is_client=is_client)
    except (grpc.RpcError, grpc.FutureTimeoutError) as error:
        code = error.code() if isinstance(error, grpc.RpcError) else None
        if code is None or code in _SILENT:
            raise ConfigError(f"something answers at {address}, but no Ray cluster: {_ADVICE}") from error
        if code is grpc.StatusCode.UNAUTHENTICATED and not may_demand_token:
            raise ConfigError(
                f"the Ray cluster at {address} demands another token: set RAY_AUTH_MODE=token, and give its token in "
                "$RAY_AUTH_TOKEN or ~/.ray/auth_token"
            ) from error


def _host_and_port(endpoint: str, address: str) -> tuple[str, int]:
    host, _, port = endpoint.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError(f"{address} is no address of a Ray cluster: give HOST:PORT, ray://HOST:PORT or auto")
    return host.strip("[]"), int(port)


def _require_listener(address: str, host: str, port: int) -> None:
    """Raise ConfigError if nothing accepts connections."""
    try:
        socket.create_connection((host, port), _CONNECT_SECONDS).close()
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"no Ray cluster answers at {address} ({error}): {_ADVICE}") from error


def _call(endpoint: str, *, is_client: bool) -> None:
    """Raise an error of gRPC if a server does not speak it, is not the control service of a cluster, or refuses."""
    channel = init_grpc_channel(endpoint, [("grpc.enable_http_proxy", 0)])
    try:
        if is_client:
            grpc.channel_ready_future(channel).result(_ANSWER_SECONDS)
            return
        check = channel.unary_unary("/ray.rpc.NodeInfoGcsService/CheckAlive")  # an empty message in, ignored bytes out
        check(b"", timeout=_ANSWER_SECONDS, wait_for_ready=True)
    finally:
        channel.close()


def _require_node(address: str) -> None:
    """Raise ConfigError if no node of the cluster can be reached on this machine, or in this container."""
    try:
        node = services.get_node_to_connect_for_driver(GcsClient(address=address), timeout_seconds=_NODE_SECONDS)
    except RuntimeError:
        node = None
    if node is None or not Path(node.raylet_socket_name).exists():
        raise ConfigError(
            f"the Ray cluster at {address} has no node on this machine: run the command on one of its nodes, for "
            "example by ray job submit, or give the address of its Ray Client server, ray://HOST:10001"
        )
