"""What the front door is told about services and revisions. It knows no API messages."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..engine import Address, Rootfs


@dataclass(frozen=True)
class Probe:
    """One probe of a container. Times are in seconds; ``path`` is None for a TCP probe.

    ``headers`` are sent with an HTTP probe. The defaults are those of the start-up probe that
    Cloud Run gives a container that asks for none.
    """

    port: int
    initial_delay: float = 0.0
    timeout: float = 240.0
    period: float = 240.0
    failure_threshold: int = 1
    success_threshold: int = 1
    path: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class RevisionSpec:
    """One revision, ready to be started. ``name`` is the revision's short name.

    ``memory`` is in bytes, ``timeout`` in seconds; ``env`` is what the image and the revision
    say, before Cloud Run's own variables (PORT, K_SERVICE, …) are added. ``probe`` is the
    start-up probe.
    """

    project: str
    region: str
    service: str
    name: str
    rootfs: Rootfs
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    user: str
    port: int
    memory: int
    cpu: float
    concurrency: int
    timeout: float
    min_instances: int
    max_instances: int
    probe: Probe
    container: str
    service_account: str
    liveness: Probe | None = None
    readiness: Probe | None = None


@dataclass(frozen=True)
class Target:
    """A share of a service's traffic for one revision; ``percent`` may be 0 for a tag alone."""

    revision: str
    percent: int
    tag: str = ""


@dataclass(frozen=True)
class ServiceSpec:
    """One service as the front door serves it. ``name`` is ``projects/P/locations/L/services/S``.

    ``hosts`` are its addresses without a tag; a tag's address is ``TAG---HOST``. ``audiences`` are
    its custom audiences. ``revisions`` has every revision that a target names, by short name.
    """

    name: str
    hosts: tuple[str, ...]
    targets: tuple[Target, ...]
    revisions: Mapping[str, RevisionSpec]
    check_invoker: bool = True
    audiences: tuple[str, ...] = ()
    default_url: bool = True
    ingress: str = "all"
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Mapped:
    """What a domain of the user's leads to: a service's full name, and if it has a certificate."""

    service: str
    certified: bool


@dataclass
class Limits:
    """What Cloud Run fixes for every service. Settable, so that a test need not wait.

    ``idle`` is how long an instance without requests is kept, in seconds of the cloud's clock.
    The others are in real seconds and bytes: ``pending``, how long a request waits for an
    instance at least; ``grace``, from SIGTERM to SIGKILL; ``body``, the largest request and the
    largest response that is not streamed.

    Source: https://docs.cloud.google.com/run/docs/container-contract (2026-04-08) and
    https://docs.cloud.google.com/run/quotas (2026-11-24).
    """

    idle: float = 15 * 60
    pending: float = 10.0
    grace: float = 10.0
    body: int = 32 * 1024 * 1024


@dataclass(frozen=True)
class Surroundings:
    """What an instance finds around its image: see ``engine.ContainerSpec``.

    ``env`` has variables that hold where neither the image nor the revision sets them.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    binds: Mapping[str, Path] = field(default_factory=dict)
    reach: Mapping[Address, Callable[[socket.socket], None]] = field(default_factory=dict)
    datagrams: Mapping[Address, Callable[[bytes], bytes]] = field(default_factory=dict)


Around = Callable[[RevisionSpec, str], Surroundings]
"""Gives the surroundings of an instance of a revision; the text is the instance's id."""


def nothing_around(revision: RevisionSpec, instance: str) -> Surroundings:
    """An instance that reaches nothing."""
    return Surroundings()


@dataclass(frozen=True)
class InstanceView:
    """One instance as a user may see it. ``requests`` is how many it is answering now.

    ``started`` is the cloud's time in seconds since 1970.
    """

    id: str
    revision: str
    started: float
    requests: int


class StartFailed(Exception):
    """A revision's instance never became ready.

    The text says in a few words what happened; the sentence for the user and the address of the
    logs belong to the API. ``reason`` is Cloud Run's name for it.
    """

    def __init__(self, message: str, reason: str = "HEALTH_CHECK_CONTAINER_ERROR") -> None:
        super().__init__(message)
        self.reason = reason
