"""Managed zones of Cloud DNS: what a caller may set, what a zone begins with.

Shapes: recorded answers in https://github.com/GoogleCloudPlatform/k8s-config-connector
(dnsmanagedzone and dnsrecordset, 2024 to 2026). Name servers of private zones:
https://docs.cloud.google.com/dns/docs/zones (2024-05).

On Google a name that is registered to somebody else, and reserved names such as ``example.com``,
cannot be had. Nobody owns names here, so all but the top-level ones can.
"""

from __future__ import annotations

import re
from typing import Any

from .. import unrecorded
from ..cloud import Cloud
from ..errors import unimplemented
from ..network import records
from ..network.zones import CHANGES, Zone
from . import dns_errors
from .dns_errors import invalid
from .storage_resources import milliseconds

OPERATIONS = "dns.operation"
NOT_SERVED = (
    "forwardingConfig", "peeringConfig", "reverseLookupConfig", "serviceDirectoryConfig",
    "nameServerSet",
)  # fmt: skip
NETWORK = (
    r"(https://(www|compute)\.googleapis\.com/compute/v1/)?projects/[^/]+/global/networks/[^/]+"
)
FIXED = ("dnsName", "visibility")
"""What stays as it was when the zone was made."""

TTL = 21600
SOA = "cloud-dns-hostmaster.google.com. 1 21600 3600 259200 300"
PRIVATE_SERVERS = ("ns-gcp-private.googledomains.com.",)
SHARDS = "abcde"
QUOTA = {
    "managedZones": 10000,
    "resourceRecordsPerRrset": 100,
    "rrsetAdditionsPerChange": 1000,
    "rrsetDeletionsPerChange": 1000,
    "rrsetsPerManagedZone": 10000,
    "totalRrdataSizePerChange": 100000,
}
"""Limits, from https://docs.cloud.google.com/dns/quotas (2026-11-25)."""

Document = dict[str, Any]


def create(cloud: Cloud, project: str, asked: Document) -> Document:
    """Makes a zone with its NS and SOA records, and returns it. Raises GoogleError."""
    for field in ("name", "dnsName", "description"):
        if asked.get(field) is None:
            raise dns_errors.required(f"entity.managedZone.{field}")
    name = _text(asked, "name")
    if not re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", name):
        raise invalid("entity.managedZone.name", name)
    domain = _text(asked, "dnsName").lower()
    if not records.is_name(domain) or domain.startswith("*"):
        raise invalid("entity.managedZone.dnsName", domain)
    visibility = asked.get("visibility", "public")
    if visibility not in ("public", "private"):
        raise invalid("entity.managedZone.visibility", visibility)
    if visibility == "public" and domain.count(".") == 1:
        raise dns_errors.domain_not_available(domain)
    if cloud.zones.get(project, name) is not None:
        raise dns_errors.exists("entity.managedZone", name)
    order = cloud.zones.next_order()
    zone: Document = {
        "kind": "dns#managedZone",
        "name": name,
        "dnsName": domain,
        "description": "",
        "id": str(cloud.ids.number(19, "dns", project, name, order)),
        "nameServers": list(PRIVATE_SERVERS),
        "creationTime": milliseconds(cloud.clock.now()),
        "visibility": visibility,
        "cloudLoggingConfig": {"kind": "dns#managedZoneCloudLoggingConfig"},
    }
    if visibility == "public":
        shard = SHARDS[cloud.ids.number(6, "dns shard", project, name, order) % len(SHARDS)]
        zone["nameServers"] = [f"ns-cloud-{shard}{n}.googledomains.com." for n in range(1, 5)]
    zone = _with(zone, asked)
    with cloud.store.transaction():
        cloud.zones.put(project, zone, order)
        made = cloud.zones.get(project, name)
        assert made is not None
        first = [
            record_set(domain, "NS", TTL, zone["nameServers"]),
            record_set(domain, "SOA", TTL, [f"{zone['nameServers'][0]} {SOA}"]),
        ]
        cloud.zones.replace(made, (), first)
        save_change(cloud, made, first, [])
    return zone


def update(cloud: Cloud, zone: Zone, asked: Document, user: str, *, whole: bool) -> Document:
    """Changes a zone and returns the operation; a ``whole`` one has nothing that is not sent."""
    old = zone.resource
    for field in FIXED:
        if field in asked and str(asked[field]).lower() != old[field]:
            raise dns_errors.not_modifiable(f"entity.managedZone.{field}")
    if asked.get("name", old["name"]) != old["name"]:
        raise dns_errors.not_modifiable("entity.managedZone.name")
    if whole:
        asked = dict.fromkeys(("labels", "privateVisibilityConfig", "dnssecConfig")) | asked
    new = _with(old, asked)
    count = cloud.store.count_up(OPERATIONS, new["id"])
    operation = {
        "kind": "dns#operation",
        "id": cloud.ids.uuid("dns operation", new["id"], count),
        "startTime": milliseconds(cloud.clock.now()),
        "status": "done",
        "user": user,
        "type": "UPDATE",
        "zoneContext": {"oldValue": old, "newValue": new},
    }
    with cloud.store.transaction():
        cloud.zones.put(zone.project, new, zone.order)
        cloud.store.put(OPERATIONS, f"{zone.key}{operation['id']}", operation)
    return operation


def delete(cloud: Cloud, zone: Zone) -> None:
    """Deletes a zone that has no record sets but those it began with. Raises GoogleError."""
    kinds = {(each["name"], each["type"]) for each in cloud.zones.record_sets(zone)}
    domain = zone.resource["dnsName"]
    if kinds - {(domain, "NS"), (domain, "SOA")}:
        raise dns_errors.not_empty(zone.resource["name"])
    with cloud.store.transaction():
        cloud.zones.delete(zone)
        for name, _ in cloud.store.list(OPERATIONS, zone.key):
            cloud.store.delete(OPERATIONS, name)
        cloud.policies.forget(policy_name(zone))


def policy_name(zone: Zone) -> str:
    """The resource that a zone's policy is on."""
    return f"projects/{zone.project}/managedZones/{zone.resource['name']}"


def record_set(name: str, kind: str, ttl: int, data: list[str]) -> Document:
    """A record set as the API shows it."""
    return {
        "kind": "dns#resourceRecordSet",
        "name": name,
        "type": kind,
        "ttl": ttl,
        "rrdatas": data,
        "signatureRrdatas": [],
    }


def save_change(cloud: Cloud, zone: Zone, new: list[Document], gone: list[Document]) -> Document:
    """Writes down what was changed in a zone; the change of its making has the id 0."""
    number = cloud.store.count_up(CHANGES, zone.resource["id"]) - 1
    change = {
        "kind": "dns#change",
        "additions": new,
        "deletions": gone,
        "startTime": milliseconds(cloud.clock.now()),
        "id": str(number),
        "status": "done",
    }
    cloud.store.put(CHANGES, f"{zone.key}{number:010d}", change)
    return change


# Fields


def _with(zone: Document, asked: Document) -> Document:
    """The zone with what a caller sets; null removes. Raises GoogleError, naming the field."""
    for field in NOT_SERVED:
        if asked.get(field):
            raise unimplemented(f"the field '{field}' of managed zones")
    changed = dict(zone)
    if asked.get("description") is not None:
        changed["description"] = _text(asked, "description")
        if len(changed["description"]) > 1024:
            raise invalid("entity.managedZone.description", changed["description"])
    if "labels" in asked:
        changed["labels"] = _labels(asked["labels"] or {})
    if "dnssecConfig" in asked:
        changed["dnssecConfig"] = _dnssec(_object(asked, "dnssecConfig"))
    if _object(asked, "cloudLoggingConfig").get("enableLogging"):
        raise unimplemented("the logging of DNS queries")
    if "privateVisibilityConfig" in asked:
        changed["privateVisibilityConfig"] = _visibility(
            _object(asked, "privateVisibilityConfig"), zone["visibility"]
        )
    return {key: value for key, value in changed.items() if value not in ({}, None)}


def _text(asked: Document, field: str) -> str:
    value = asked[field]
    if not isinstance(value, str):
        raise invalid(f"entity.managedZone.{field}", value)
    return value


def _object(asked: Document, field: str) -> Document:
    value = asked.get(field) or {}
    if not isinstance(value, dict):
        raise invalid(f"entity.managedZone.{field}", value)
    return value


def _labels(labels: Any) -> Document:
    if not isinstance(labels, dict) or len(labels) > 64:
        raise invalid("entity.managedZone.labels", labels)
    for key, value in labels.items():
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key):
            raise invalid("entity.managedZone.labels", key)
        if not isinstance(value, str) or not re.fullmatch(r"[a-z0-9_-]{0,63}", value):
            raise invalid("entity.managedZone.labels", value)
    return labels


def _dnssec(config: Document) -> Document:
    if config.get("state", "off") != "off":
        raise unimplemented("DNSSEC")
    return {"kind": "dns#managedZoneDnsSecConfig", "state": "off"} if config else {}


def _visibility(config: Document, visibility: str) -> Document:
    """The networks of a private zone; each need not exist, as on Google."""
    field = "entity.managedZone.privateVisibilityConfig"
    if config.get("gkeClusters"):
        raise unimplemented("the field 'gkeClusters' of managed zones")
    networks = config.get("networks") or []
    if not isinstance(networks, list) or not all(isinstance(each, dict) for each in networks):
        raise invalid(f"{field}.networks", networks)
    if networks and visibility == "public":
        raise dns_errors.DnsError(400, "invalid", unrecorded.public_zone_network())
    shown = []
    for number, network in enumerate(networks):
        url = network.get("networkUrl")
        if not isinstance(url, str) or not re.fullmatch(NETWORK, url):
            raise invalid(f"{field}.networks[{number}].networkUrl", url)
        path = url[url.index("projects/") :]
        shown.append(
            {
                "kind": "dns#managedZonePrivateVisibilityConfigNetwork",
                "networkUrl": f"https://www.googleapis.com/compute/v1/{path}",
            }
        )
    if visibility == "public":
        return {}
    return {"kind": "dns#managedZonePrivateVisibilityConfig", "networks": shown}
