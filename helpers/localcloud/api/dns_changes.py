"""Changes of the record sets of a managed zone: what is refused, and what is done at once.

Rules: https://docs.cloud.google.com/dns/docs/error-messages (2026-04-08). The serial number in the
SOA record is left to who makes the change, as on Google, where only the transactions of gcloud
raise it: public listings of zones with serial 1 and records beside it (2019 to 2026).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .. import unrecorded
from ..cloud import Cloud
from ..errors import unimplemented
from ..network import records
from ..network.zones import Zone
from . import dns_errors
from .dns_errors import DnsError, invalid
from .dns_zones import QUOTA, record_set, save_change

Document = dict[str, Any]
Given = Sequence[tuple[str, Document]]
"""Record sets with what the texts of refusals call them."""

AT_APEX = ("NS", "SOA")
"""What every zone has exactly once at its own name."""


def read(zone: Zone, given: Any, what: str) -> Given:
    """The record sets of one side of a change, ``additions`` or ``deletions``. Raises DnsError."""
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise invalid(f"entity.change.{what}", given)
    found = []
    for each in given:
        field = f"entity.change.{what}[{each.get('name', '')}][{each.get('type', '')}]"
        found.append((field, checked(zone, each, field)))
    return found


def checked(zone: Zone, given: Document, field: str) -> Document:
    """A record set as it is kept. Raises GoogleError, naming the field."""
    if given.get("routingPolicy"):
        raise unimplemented("routing policies of record sets")
    name, kind, ttl = given.get("name"), given.get("type"), given.get("ttl", 0)
    if not isinstance(name, str) or not records.is_name(name.lower()):
        raise invalid(f"{field}.name", "" if name is None else name)
    name = name.lower()
    if not zone.holds(name.rstrip(".")):
        raise invalid(f"{field}.name", name)
    if kind == "ALIAS":
        raise unimplemented("record sets of the type ALIAS")
    if kind not in records.TYPES:
        raise invalid(f"{field}.type", "" if kind is None else kind)
    if isinstance(ttl, str) and ttl.isdecimal() and ttl.isascii():
        ttl = int(ttl)  # google-cloud-dns sends it so, and Google's JSON takes either.
    if not isinstance(ttl, int) or isinstance(ttl, bool) or not 0 <= ttl < 2**31:
        raise invalid(f"{field}.ttl", ttl)
    data = given.get("rrdatas")
    if not isinstance(data, list) or not data:
        raise invalid(f"{field}.rrdata", data or "<empty>")
    kept = []
    for number, text in enumerate(data):
        try:
            kept.append(records.canonical(kind, text if isinstance(text, str) else ""))
        except ValueError:
            raise invalid(f"{field}.rrdata[{number}]", text) from None
    if kind in records.SINGLE and len(kept) > 1:
        raise dns_errors.one_record(field, kind)
    if name.startswith("*.") and kind == "NS":
        raise DnsError(400, "wildcardNotAllowed", unrecorded.wildcard_ns(field))
    if len(kept) > QUOTA["resourceRecordsPerRrset"]:
        raise DnsError(403, "quotaExceeded", unrecorded.dns_quota("resourceRecordsPerRrset"))
    return record_set(name, kind, ttl, kept)


def make(cloud: Cloud, zone: Zone, new: Given, gone: Given) -> Document:
    """Takes record sets out of a zone and puts others in, or raises GoogleError and does nothing.

    ``gone`` must be there exactly so. Returns the change.
    """
    dns_errors.raise_all(list(_not_there(cloud, zone, gone)))
    dns_errors.raise_all(list(_apex(zone, new, gone)))
    removed = {_key(each) for _, each in gone}
    dns_errors.raise_all(list(_there_already(cloud, zone, new, removed)))
    left = [each for each in cloud.zones.record_sets(zone) if _key(each) not in removed]
    after = [*left, *(each for _, each in new)]
    dns_errors.raise_all(list(_alias_conflicts(new, after)))
    _check_quota(new, gone, after)
    additions, deletions = [each for _, each in new], [each for _, each in gone]
    with cloud.store.transaction():
        cloud.zones.replace(zone, deletions, additions)
        return save_change(cloud, zone, additions, deletions)


def _key(each: Document) -> tuple[str, str]:
    return each["name"], each["type"]


def _shown(each: Document) -> str:
    return f"{each['name']} ({each['type']})"


def _not_there(cloud: Cloud, zone: Zone, gone: Given) -> Iterator[DnsError]:
    seen = set()
    for field, each in gone:
        found = cloud.zones.record_set(zone, each["name"], each["type"])
        if found is None or _key(each) in seen:
            yield dns_errors.missing(field, _shown(each))
        elif found["ttl"] != each["ttl"] or sorted(found["rrdatas"]) != sorted(each["rrdatas"]):
            yield dns_errors.condition_not_met(field)
        seen.add(_key(each))


def _there_already(
    cloud: Cloud, zone: Zone, new: Given, removed: set[tuple[str, str]]
) -> Iterator[DnsError]:
    taken = {_key(each) for each in cloud.zones.record_sets(zone)} - removed
    for field, each in new:
        if _key(each) in taken:
            yield dns_errors.exists(field, _shown(each))
        taken.add(_key(each))


def _apex(zone: Zone, new: Given, gone: Given) -> Iterator[DnsError]:
    domain = zone.resource["dnsName"]
    added = {_key(each) for _, each in new}
    for field, each in gone:
        if each["name"] == domain and each["type"] in AT_APEX and _key(each) not in added:
            yield dns_errors.apex(field, each["type"])
    for field, each in new:
        if each["type"] == "SOA" and each["name"] != domain:
            yield dns_errors.apex(field, "SOA")


def _alias_conflicts(new: Given, after: Sequence[Document]) -> Iterator[DnsError]:
    kinds: dict[str, set[str]] = {}
    for each in after:
        kinds.setdefault(each["name"], set()).add(each["type"])
    for field, each in new:
        others = kinds[each["name"]] - {each["type"]}
        if others and (each["type"] == "CNAME" or "CNAME" in others):
            other = "CNAME" if "CNAME" in others else min(others)
            yield dns_errors.alias_conflict(field, each["name"], other)


def _check_quota(new: Given, gone: Given, after: Sequence[Document]) -> None:
    used = {
        "rrsetAdditionsPerChange": len(new),
        "rrsetDeletionsPerChange": len(gone),
        "rrsetsPerManagedZone": len(after),
        "totalRrdataSizePerChange": sum(
            len(text) for _, each in (*new, *gone) for text in each["rrdatas"]
        ),
    }
    for limit, number in used.items():
        if number > QUOTA[limit]:
            raise DnsError(403, "quotaExceeded", unrecorded.dns_quota(limit))
