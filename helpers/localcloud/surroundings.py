"""What an instance finds around it: the metadata server, names, Google's hosts, trust in them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from .cloud import Cloud
from .frontdoor.model import RevisionSpec, Surroundings
from .gateway.entrance import Entrance
from .identity.metadata import Facts, MetadataServer
from .network import dns

METADATA = "169.254.169.254"
METADATA_NAMES = ("metadata.google.internal", "metadata")

GOOGLE = "199.36.153.8"
"""The address of all of Google's hosts: the first of private.googleapis.com.

Source: https://docs.cloud.google.com/vpc/docs/configure-private-google-access (2026-11-24)
"""

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

    def __init__(self, cloud: Cloud, entrance: Entrance, roots: Path) -> None:
        self._cloud = cloud
        self._entrance = entrance
        self._roots = roots

    def __call__(self, revision: RevisionSpec, instance: str) -> Surroundings:
        """The surroundings of one new instance.

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
        metadata = MetadataServer(facts, cloud.accounts, cloud.tokens)

        async def serve_metadata(connection: socket.socket) -> None:
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(metadata.protocol, connection)

        return Surroundings(
            env=TRUST,
            binds={ROOTS: self._roots},
            reach={
                (METADATA, 80): self._in_background(serve_metadata),
                (GOOGLE, 443): self._in_background(self._entrance.https),
                (GOOGLE, 80): self._in_background(self._entrance.http),
            },
            datagrams={
                (METADATA, 53): lambda query: dns.answer(query, self._address, cloud.zones.look_up)
            },
        )

    def _address(self, name: str) -> str | None:
        if name in METADATA_NAMES:
            return METADATA
        return GOOGLE if self._entrance.serves(name) else None

    def _in_background(
        self, serve: Callable[[socket.socket], Coroutine[Any, Any, None]]
    ) -> Callable[[socket.socket], None]:
        def accept(connection: socket.socket) -> None:
            self._cloud.in_background(serve(connection))

        return accept
