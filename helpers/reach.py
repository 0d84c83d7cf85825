"""What this process really reaches when it calls Google: asked of the network, not of settings."""

from __future__ import annotations

import queue
from typing import Any

import grpc
import requests

TIMEOUT = 30
"""Seconds."""


def certificate_issuer(host: str) -> str:
    """Return who issued the certificate that ``host`` shows to an HTTPS client here.

    Args:
        host: such as ``run.googleapis.com``.

    Raises:
        requests.exceptions.RequestException: ``host`` can't be reached, or isn't trusted.
    """
    with requests.get(f"https://{host}/", stream=True, timeout=TIMEOUT) as answer:
        connection: Any = answer.raw.connection
        certificate = connection.sock.getpeercert()
    names = dict(pair for part in certificate["issuer"] for pair in part)
    known = (names.get(key) for key in ("organizationName", "commonName"))
    return " ".join(name for name in known if name)


def grpc_trusts(host: str) -> bool:
    """Return whether a gRPC client in this process trusts the certificate of ``host``.

    gRPC reads its root certificates once in a process, so later settings may be too late.
    """
    states: queue.SimpleQueue[grpc.ChannelConnectivity] = queue.SimpleQueue()
    ready, failed = grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.TRANSIENT_FAILURE
    with grpc.secure_channel(f"{host}:443", grpc.ssl_channel_credentials()) as channel:
        channel.subscribe(states.put, try_to_connect=True)
        while (state := states.get(timeout=TIMEOUT)) not in (ready, failed):
            pass
    return state is ready
