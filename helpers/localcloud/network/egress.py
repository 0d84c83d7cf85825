"""How a revision of Cloud Run sends into a VPC network, and its instances' places there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .firewall import Host
from .paths import Station, network_of
from .vpc import NoAddress, Vpc

OWNER = "run"
"""Who has the addresses of instances."""


@dataclass(frozen=True)
class Egress:
    """Through a connector, or directly: a subnetwork and tags. Names are full ones."""

    connector: str = ""
    subnetwork: str = ""
    tags: frozenset[str] = frozenset()
    all_traffic: bool = False


class Attachment:
    """The egress of one instance; with Direct VPC egress it has an address of the subnetwork.

    ``account`` is its service account. Raises NoAddress.
    """

    def __init__(self, vpc: Vpc, egress: Egress, instance: str, account: str) -> None:
        self._vpc = vpc
        self._egress = egress
        self._owner = f"{OWNER}/{instance}"
        self._account = account
        self._address = vpc.reserve(egress.subnetwork, self._owner) if egress.subnetwork else ""

    def release(self) -> None:
        """Gives the address back."""
        if self._address:
            self._vpc.release(self._owner)

    def station(self) -> Station | None:
        """Its place in the network now; None if what it was attached to is gone."""
        egress = self._egress
        if not egress.connector:
            _, project, _, region, _, short = egress.subnetwork.split("/")
            found = self._vpc.subnetwork(project, region, short)
            host = Host(self._address, egress.tags, self._account)
            return self._at(found, host) if found else None
        connector = self._vpc.connector(egress.connector)
        if connector is None or connector["state"] != "READY":
            return None
        found = self._vpc.connector_subnetwork(connector)
        if found is None:
            return None
        try:
            # Its machines are not told apart: the first one passes everything on.
            address = self._vpc.reserve(found["name"], f"{connector['name']}/0")
        except NoAddress:
            return None
        return self._at(found, Host(address, frozenset(self._vpc.connector_tags(connector))))

    def _at(self, subnetwork: dict[str, Any], host: Host) -> Station:
        all_traffic = self._egress.all_traffic
        return Station(*network_of(subnetwork), subnetwork["name"], host, all_traffic=all_traffic)
