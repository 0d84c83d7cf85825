"""The zones of Cloud DNS: where they are kept, and what a name server says of a name in them.

Looking up follows RFC 1034 (section 4.3.2) and RFC 4592 (wildcards). Which zone a name belongs to
is decided as Cloud DNS does: https://docs.cloud.google.com/dns/docs/vpc-name-res-order (2026-11-24)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..store import Store

ZONES = "dns.zone"
RECORD_SETS = "dns.rrset"
CHANGES = "dns.change"

LONGEST_CHAIN = 16
"""CNAME records that are followed at most."""

Document = dict[str, Any]


@dataclass(frozen=True)
class Zone:
    """One managed zone: ``resource`` is as the API shows it; a later one has a higher ``order``."""

    project: str
    resource: Document
    order: int

    @property
    def domain(self) -> str:
        """The DNS name without the final dot."""
        return str(self.resource["dnsName"]).rstrip(".")

    @property
    def key(self) -> str:
        """What the names of all its record sets and changes begin with."""
        return f"{self.project}/{self.resource['name']}/"

    def holds(self, name: str) -> bool:
        """Whether a name (without a final dot) is the zone's own or below it."""
        return name == self.domain or name.endswith(f".{self.domain}")

    def is_seen_in(self, network: str) -> bool:
        """Whether it is a private zone for a network (``projects/P/global/networks/N``)."""
        config = self.resource.get("privateVisibilityConfig", {})
        urls = [str(each.get("networkUrl", "")) for each in config.get("networks", [])]
        return any(url.partition("/compute/v1/")[2] == network for url in urls)


@dataclass
class Found:
    """What a name server says: ``rcode``, and record sets as Cloud DNS writes them.

    ``authoritative`` is false for a name below a delegation, whose name servers are in
    ``authority``.
    """

    rcode: str = "NOERROR"
    authoritative: bool = True
    answer: list[Document] = field(default_factory=list)
    authority: list[Document] = field(default_factory=list)


class Zones:
    """All managed zones of all projects."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # Zones

    def get(self, project: str, name: str) -> Zone | None:
        """A managed zone of a project (its id), or None."""
        document = self._store.get(ZONES, f"{project}/{name}")
        return Zone(project, **document) if document else None

    def with_id(self, project: str, number: str) -> Zone | None:
        """A managed zone of a project by the number that Cloud DNS gave it, or None."""
        mine = (zone for zone in self._all() if zone.project == project)
        return next((zone for zone in mine if zone.resource["id"] == number), None)

    def put(self, project: str, resource: Document, order: int) -> None:
        """Writes a managed zone; ``order`` is higher for one that was made later."""
        document = {"resource": resource, "order": order}
        self._store.put(ZONES, f"{project}/{resource['name']}", document)

    def next_order(self) -> int:
        """The ``order`` of a new zone."""
        return self._store.count_up(ZONES, "order")

    def delete(self, zone: Zone) -> None:
        """Deletes a zone with its record sets and changes."""
        with self._store.transaction():
            for kind in (RECORD_SETS, CHANGES):
                for name, _ in self._store.list(kind, zone.key):
                    self._store.delete(kind, name)
            self._store.delete(ZONES, zone.key.rstrip("/"))

    def _all(self) -> Iterator[Zone]:
        for name, document in self._store.list(ZONES):
            yield Zone(name.partition("/")[0], **document)

    # Record sets

    def record_set(self, zone: Zone, name: str, kind: str) -> Document | None:
        """A record set of a zone, or None. ``name`` may have a final dot."""
        return self._store.get(RECORD_SETS, _key(zone, name, kind))

    def record_sets(self, zone: Zone) -> list[Document]:
        """All record sets of a zone: its own name first, a name before those below it."""
        return [document for _, document in self._store.list(RECORD_SETS, zone.key)]

    def replace(self, zone: Zone, gone: Iterable[Document], new: Iterable[Document]) -> None:
        """Takes record sets out of a zone and puts others in: all of it, or nothing."""
        with self._store.transaction():
            for record_set in gone:
                key = _key(zone, record_set["name"], record_set["type"])
                self._store.delete(RECORD_SETS, key)
            for record_set in new:
                key = _key(zone, record_set["name"], record_set["type"])
                self._store.put(RECORD_SETS, key, record_set)

    # Looking up

    def records(self, name: str, kind: str, network: str | None = None) -> tuple[str, ...]:
        """The ``rrdatas`` of a name (lower case, no final dot) and a type such as ``A``.

        Wildcards stand in, and CNAME records are followed, as long as they stay within managed
        zones. ``network`` (``projects/P/global/networks/N``) is where the question comes from: its
        private zones are asked first. ``()`` for none.
        """
        for record_set in self.look_up(name, kind, network).answer:
            if record_set["type"] == kind:
                return tuple(record_set["rrdatas"])
        return ()

    def look_up(self, name: str, kind: str, network: str | None = None) -> Found:
        """What the name servers say of a name (lower case, no final dot) and a type or ``ANY``.

        ``REFUSED`` for a name in no zone.
        """
        found = Found()
        for _ in range(LONGEST_CHAIN):
            zone = self._zone_of(name, network)
            if zone is None:
                if not found.answer:
                    found.rcode = "REFUSED"
                    found.authoritative = False
                return found
            alias = self._look_in(zone, name, kind, found)
            if alias is None:
                return found
            name = alias
        return found

    def _zone_of(self, name: str, network: str | None) -> Zone | None:
        """The zone with the longest DNS name; of several with the same, the one made last.

        On the Internet the registrar points at the name servers of one of them. There is none
        here, so the one whose name servers a person was told last is taken.
        """
        zones = [zone for zone in self._all() if zone.holds(name)]
        private = [zone for zone in zones if network and zone.is_seen_in(network)]
        public = [zone for zone in zones if zone.resource["visibility"] == "public"]
        return max(private or public, key=lambda zone: (len(zone.domain), zone.order), default=None)

    def _look_in(self, zone: Zone, name: str, kind: str, found: Found) -> str | None:
        """Adds to ``found`` what one zone says of a name; returns the alias to look up next."""
        delegation = self._delegation(zone, name)
        if delegation is not None and not (kind == "DS" and delegation["name"] == f"{name}."):
            found.authoritative = bool(found.answer)
            found.authority.append(delegation)
            return None
        sets = self._at(zone, name)
        if not sets and not self._has_below(zone, name):
            sets = [each | {"name": f"{name}."} for each in self._wildcard(zone, name)]
            if not sets:
                found.rcode = "NXDOMAIN"
        wanted = [each for each in sets if kind in (each["type"], "ANY")]
        if wanted:
            found.answer += wanted
            return None
        for record_set in sets:
            if record_set["type"] == "CNAME":
                found.answer.append(record_set)
                return str(record_set["rrdatas"][0]).rstrip(".").lower()
        soa = self.record_set(zone, zone.domain, "SOA")
        if soa is not None:
            found.authority.append(soa)
        return None

    def _at(self, zone: Zone, name: str) -> list[Document]:
        return [each for _, each in self._store.list(RECORD_SETS, _key(zone, name, ""))]

    def _has_below(self, zone: Zone, name: str) -> bool:
        return bool(self._store.list(RECORD_SETS, _key(zone, name, "").rstrip(" ") + ".", limit=1))

    def _delegation(self, zone: Zone, name: str) -> Document | None:
        """The NS records that hand a name, or one above it, to other name servers."""
        for above in reversed(list(_up_to(zone, name))[:-1]):
            if record_set := self.record_set(zone, above, "NS"):
                return record_set
        return None

    def _wildcard(self, zone: Zone, name: str) -> list[Document]:
        """The record sets of the ``*`` just below the nearest name that exists."""
        for above in list(_up_to(zone, name))[1:]:
            if self._at(zone, above) or self._has_below(zone, above):
                return self._at(zone, f"*.{above}")
        return []


def _up_to(zone: Zone, name: str) -> Iterator[str]:
    """A name and the names above it, up to the zone's own."""
    while name != zone.domain:
        yield name
        name = name.partition(".")[2]
    yield name


def _key(zone: Zone, name: str, kind: str) -> str:
    """Labels from the right, so that a name is followed by the names below it."""
    labels = reversed(name.rstrip(".").lower().split("."))
    return f"{zone.key}{'.'.join(labels)} {kind}"
