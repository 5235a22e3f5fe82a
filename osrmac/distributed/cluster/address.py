"""Check that a Ray cluster answers at an address, because `ray.init` tries for many minutes before it gives up."""

from __future__ import annotations

import socket

import grpc
from ray._private import services
from ray._private.grpc_utils import init_grpc_channel

from osrmac.errors import ConfigError

__all__ = ["resolve_address"]

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 10.0
_CLIENT = "ray://"
_ADVICE = "correct --address or $RAY_ADDRESS, or start the cluster"
_SILENT = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNIMPLEMENTED)


def resolve_address(address: str) -> str:
    """Return an address with `auto` replaced by that of the cluster on this machine, after a cluster has answered.

    Args:
        address: `HOST:PORT`, `ray://HOST:PORT` or `auto`.

    Raises:
        ConfigError: The address is malformed, or no cluster answers within 20 seconds.
    """
    if address == "auto":
        try:
            address = services.canonicalize_bootstrap_address(address) or ""
        except ConnectionError as error:
            raise ConfigError("no Ray cluster runs on this machine: correct --address, or start one") from error
    endpoint = address.removeprefix(_CLIENT)
    _require_listener(address, *_host_and_port(endpoint, address))
    try:
        _require_ray(endpoint, is_client=address.startswith(_CLIENT))
    except (grpc.RpcError, grpc.FutureTimeoutError) as error:
        raise ConfigError(f"something answers at {address}, but no Ray cluster: {_ADVICE}") from error
    return address


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


def _require_ray(endpoint: str, *, is_client: bool) -> None:
    """Raise an error of gRPC if a server does not speak it, or is not the control service of a cluster."""
    channel = init_grpc_channel(endpoint, [("grpc.enable_http_proxy", 0)])
    try:
        if is_client:
            grpc.channel_ready_future(channel).result(_ANSWER_SECONDS)
            return
        check = channel.unary_unary("/ray.rpc.NodeInfoGcsService/CheckAlive")  # an empty message in, ignored bytes out
        check(b"", timeout=_ANSWER_SECONDS, wait_for_ready=True)
    except grpc.RpcError as error:
        if error.code() in _SILENT:
            raise
        # For example a missing token, which `ray.init` reports.
    finally:
        channel.close()
