"""What a ``*.run.app`` address does, and a domain that is mapped to a service."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from ..clock import Clock
from ..engine import Engine
from ..identity.policies import Policies
from ..identity.tokens import Tokens
from ..logs import Logs
from .connection import Connection
from .far import Far
from .invoker import Invoker
from .journal import Journal
from .model import (
    Around,
    InstanceView,
    Limits,
    Mapped,
    RevisionSpec,
    ServiceSpec,
    nothing_around,
)
from .pool import Pool
from .traffic import Served


class FrontDoor:
    """All services that are being served, with their instances.

    ``limits`` may be changed at any time, and ``around``, which says what new instances find around
    them. ``random`` decides how traffic is split: a function that
    gives a number from 0 up to 1.
    """

    def __init__(
        self,
        clock: Clock,
        logs: Logs,
        tokens: Tokens,
        policies: Policies,
        engine: Engine,
        *,
        random: Callable[[], float] = random.random,
    ) -> None:
        self.clock = clock
        self.limits = Limits()
        self.around: Around = nothing_around
        self.invoker = Invoker(tokens, policies)
        self.random = random
        self.connections: set[Connection] = set()
        self._logs = logs
        self._engine = engine
        self._hosts: dict[str, tuple[Served, str]] = {}
        self._services: dict[str, Served] = {}
        self._domains: dict[str, Mapped] = {}
        self._pools: dict[tuple[str, str], Pool] = {}
        self._leaving: set[Pool] = set()

    async def check(self, revision: RevisionSpec) -> None:
        """Starts an instance of a new revision, as a deployment does to see whether it is healthy.

        It is kept for the first request. Raises StartFailed.
        """
        await self._pool(revision).check()

    async def put(self, spec: ServiceSpec) -> None:
        """Serves a service from now on as it says, in place of what was served before.

        Requests that are under way finish where they are. Instances of revisions that have lost
        their last target stop after their last request.
        """
        pools = {name: self._pool(revision) for name, revision in spec.revisions.items()}
        for name, pool in pools.items():
            pool.serve(spec.revisions[name], dict(spec.labels))
        served = Served(spec, pools)
        self._forget_addresses(spec.name)
        self._services[spec.name] = served
        for host, tag in served.addresses().items():
            self._hosts[host] = (served, tag)
        self._drain(spec.name, keep=pools)

    async def remove(self, name: str) -> None:
        """Serves a service no longer; requests that are under way finish."""
        self._forget_addresses(name)
        self._services.pop(name, None)
        self._drain(name, keep={})

    def protocol(
        self, host: str, scheme: str = "https", trip: float | None = None
    ) -> asyncio.Protocol:
        """What serves one HTTP/1.1 connection of a client to a host, TLS having been ended.

        ``trip`` is the simulated round trip of the client in seconds, if there is one.
        """
        connection = Connection(self, host, scheme, trip)
        return connection if trip is None else Far(connection, trip)

    def clients_moved(self) -> None:
        """Closes kept connections, so that their next request comes from the new place."""
        for connection in list(self.connections):
            connection.close_when_idle()

    def map(self, domain: str, service: str, *, certified: bool) -> None:
        """Leads a domain of the user's to a service, which need not exist, from now on.

        ``certified`` says whether there is a certificate for it.
        """
        self._domains[domain] = Mapped(service, certified)

    def unmap(self, domain: str) -> None:
        """Leads a domain nowhere from now on."""
        self._domains.pop(domain, None)

    def mapped(self, host: str) -> Mapped | None:
        """What a domain of the user's leads to, if it is mapped."""
        return self._domains.get(host)

    def instances(self, revision: RevisionSpec) -> tuple[InstanceView, ...]:
        """The instances of a revision that are ready."""
        pool = self._pools.get(_key(revision))
        return tuple(
            InstanceView(instance.id, revision.name, instance.started, instance.requests)
            for instance in (pool.instances if pool else ())
        )

    def find(self, host: str) -> tuple[Served, str] | None:
        """The service that a host leads to and the tag it names, if any."""
        if mapped := self._domains.get(host):
            served = self._services.get(mapped.service)
            return (served, "") if served else None
        return self._hosts.get(host)

    async def close(self) -> None:
        """Ends every connection and stops every instance."""
        for connection in list(self.connections):
            connection.abort()
        pools = [*self._pools.values(), *self._leaving]
        self._hosts.clear()
        self._services.clear()
        await asyncio.gather(*(pool.close() for pool in pools))

    def _pool(self, revision: RevisionSpec) -> Pool:
        key = _key(revision)
        if key not in self._pools:
            journal = Journal(self._logs, revision)
            self._pools[key] = Pool(
                *(revision, self._engine, self.clock, journal, self.limits),
                lambda revision, instance: self.around(revision, instance),
            )
        return self._pools[key]

    def _drain(self, service: str, keep: dict[str, Pool]) -> None:
        """Lets the revisions of a service go that are not to be kept."""
        self._leaving = {pool for pool in self._leaving if not pool.empty}
        for key in [key for key in self._pools if key[0] == service and key[1] not in keep]:
            pool = self._pools.pop(key)
            self._leaving.add(pool)
            pool.drain()

    def _forget_addresses(self, service: str) -> None:
        self._hosts = {
            host: found for host, found in self._hosts.items() if found[0].spec.name != service
        }


def _key(revision: RevisionSpec) -> tuple[str, str]:
    parent = f"projects/{revision.project}/locations/{revision.region}"
    return f"{parent}/services/{revision.service}", revision.name
