"""What an instance finds around it: the metadata server, names, Google's hosts, trust in them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import unrecorded
from .cloud import Cloud
from .engine import Accept, Address
from .frontdoor.model import RevisionSpec, StartFailed, Surroundings
from .gateway.entrance import Entrance
from .identity.metadata import Facts, MetadataServer
from .network import dns
from .network.egress import Attachment
from .network.origin import Origin
from .network.paths import GOOGLE, POOL
from .network.vpc import NoAddress
from .uplinks import Uplinks

METADATA = "169.254.169.254"
METADATA_NAMES = ("metadata.google.internal", "metadata")

ROOTS = "/etc/ssl/certs/ca-certificates.crt"
"""Where Debian and Alpine keep what OpenSSL, curl and Go trust."""

TRUST = dict.fromkeys(
    (
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
        "NODE_EXTRA_CA_CERTS",
    ),
    ROOTS,
)
"""For what brings roots of its own. Cloud Run sets none of these: here is the one difference."""


class Around:
    """Gives each instance its surroundings. ``roots`` is a PEM file that any user may read."""

    def __init__(self, cloud: Cloud, entrance: Entrance, uplinks: Uplinks, roots: Path) -> None:
        self._cloud = cloud
        self._entrance = entrance
        self._uplinks = uplinks
        self._roots = roots

    def __call__(self, revision: RevisionSpec, instance: str) -> Surroundings:
        """The surroundings of one new instance. Raises StartFailed.

        Where instances share the machine's network the engine keeps its other users away.
        """
        cloud = self._cloud
        project = cloud.accounts.project(revision.project)
        facts = Facts(
            project=project["projectId"],
            number=int(project["projectNumber"]),
            region=revision.region,
            instance=instance,
            account=revision.service_account,
        )
        basic = self.basic(facts)
        if revision.egress is None:
            uplink = self._uplinks.make(lambda: None) if cloud.engine.networks else None
            return replace(basic, reach={**basic.reach, **self._google()}, uplink=uplink)
        if not cloud.engine.networks:
            raise StartFailed(unrecorded.vpc_engine())
        try:
            attachment = Attachment(cloud.vpc, revision.egress, instance, revision.service_account)
        except NoAddress as error:
            raise StartFailed(subnetwork_is_full(revision.egress.subnetwork)) from error
        uplink = self._uplinks.make(attachment.station)
        return replace(basic, uplink=uplink, release=attachment.release)

    def basic(self, facts: Facts) -> Surroundings:
        """What everybody finds: the metadata server, the name server, trust in Google's hosts."""
        metadata = MetadataServer(facts, self._cloud.accounts, self._cloud.tokens)

        async def serve_metadata(connection: socket.socket) -> None:
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(metadata.protocol, connection)

        return Surroundings(
            env=TRUST,
            binds={ROOTS: self._roots},
            reach={(METADATA, 80): self._in_background(serve_metadata)},
            datagrams={
                (METADATA, 53): lambda query: dns.answer(
                    query, self._address, self._cloud.zones.look_up
                )
            },
        )

    def _google(self) -> dict[Address, Accept]:
        """The way to Google's hosts of an instance that uses no VPC network."""
        origin = Origin(address=POOL)
        return {
            (GOOGLE, 443): self._in_background(lambda taken: self._entrance.https(taken, origin)),
            (GOOGLE, 80): self._in_background(lambda taken: self._entrance.http(taken, origin)),
        }

    def _address(self, name: str) -> str | None:
        if name in METADATA_NAMES:
            return METADATA
        return GOOGLE if self._entrance.serves(name) else None

    def _in_background(self, serve: Callable[[socket.socket], Coroutine[Any, Any, None]]) -> Accept:
        def accept(connection: socket.socket) -> None:
            self._cloud.in_background(serve(connection))

        return accept


def subnetwork_is_full(subnetwork: str) -> str:
    """What Cloud Run says of an instance for which the subnetwork has no address left.

    Source: https://github.com/GoogleCloudPlatform/enterprise-knowledge-solution/pull/172
    (2024-12-05)
    """
    return (
        "Instance failed to start because of insufficient free IP addresses in the subnetwork"
        f" https://www.googleapis.com/compute/v1/{subnetwork} when attempting to create an address"
        " in the subnetwork. Please consider moving to a subnetwork with more available IP"
        " addresses."
    )
