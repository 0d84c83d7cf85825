"""Firewall rules of networks.

Source: https://docs.cloud.google.com/firewall/docs/firewalls (2026-04)
"""

from __future__ import annotations

import re
from typing import Any

from .. import unrecorded
from ..network.addresses import NotARange, parse
from ..network.firewall import ANYWHERE, LOWEST_PRIORITY, NUMBERS
from ..network.vpc import FIREWALLS
from .compute_http import Asked, ComputeError, Row, bad_value, required
from .compute_kinds import Kind, stored_in
from .compute_naming import Place, check_name
from .compute_networks import NETWORKS_KIND, network_named

Document = dict[str, Any]

_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_WITH_PORTS = {NUMBERS[each] for each in ("tcp", "udp", "sctp")}
_LISTS = ("sourceRanges", "destinationRanges", "sourceTags", "targetTags",
          "sourceServiceAccounts", "targetServiceAccounts")  # fmt: skip
_ENTRIES = [{"IPProtocol": str, "ports": [str]}]


def _make(place: Place, name: str, body: Document, old: Document | None) -> Document:
    network = body.get("network") or "global/networks/default"
    network = network_named(place, "resource.network", network)["name"]
    if old is not None and network != old["network"]:
        raise bad_value("resource.network", network, unrecorded.compute_immutable())
    direction = body.get("direction", "INGRESS")
    if direction not in ("INGRESS", "EGRESS"):
        raise bad_value(
            "resource.direction", direction, unrecorded.compute_one_of("INGRESS", "EGRESS")
        )
    priority = body.get("priority", 1000)
    if not isinstance(priority, int) or not 0 <= priority <= LOWEST_PRIORITY:
        raise bad_value(
            "resource.priority", priority, unrecorded.compute_between(0, LOWEST_PRIORITY)
        )
    fields: Document = {
        "network": network,
        "direction": direction,
        "priority": priority,
        "disabled": bool(body.get("disabled")),
        "logConfig": {"enable": bool((body.get("logConfig") or {}).get("enable"))},
        **_action(body),
        **_ends(body, direction),
    }
    return fields | ({"description": body["description"]} if body.get("description") else {})


def _action(body: Document) -> Document:
    allowed, denied = body.get("allowed"), body.get("denied")
    if bool(allowed) == bool(denied):
        raise ComputeError("INVALID_ARGUMENT", unrecorded.compute_allowed_or_denied())
    field = "allowed" if allowed else "denied"
    return {field: [_entry(f"resource.{field}[{index}]", each)
                    for index, each in enumerate(allowed or denied or [])]}  # fmt: skip


def _entry(field: str, entry: Document) -> Document:
    protocol = entry.get("IPProtocol") if isinstance(entry, dict) else None
    if not protocol:
        raise required(f"{field}.IPProtocol")
    protocol = str(protocol).lower()
    number = NUMBERS.get(protocol, protocol)
    if protocol != "all" and not (number.isdecimal() and int(number) < 256):
        raise bad_value(f"{field}.IPProtocol", protocol, unrecorded.compute_protocol())
    ports = entry.get("ports") or []
    if ports and number not in _WITH_PORTS:
        raise bad_value(f"{field}.ports", ports, unrecorded.compute_no_ports(protocol))
    for text in ports:
        match = _PORTS.fullmatch(str(text))
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last <= 65535:
            raise bad_value(f"{field}.ports[]", text, unrecorded.compute_ports())
    return {"IPProtocol": protocol} | ({"ports": [str(each) for each in ports]} if ports else {})


def _ends(body: Document, direction: str) -> Document:
    """Which machines a rule is about, and whom they talk with."""
    found = {each: body[each] for each in _LISTS if body.get(each)}
    for each, values in found.items():
        for value in values:
            if each.endswith("Ranges"):
                if not isinstance(value, str) or ":" in value:
                    raise bad_value(f"resource.{each}[]", value, unrecorded.compute_range())
                try:
                    parse(value if "/" in value else f"{value}/32")
                except NotARange:
                    raise bad_value(
                        f"resource.{each}[]", value, unrecorded.compute_range()
                    ) from None
            elif each.endswith("Tags"):
                check_name(f"resource.{each}[]", value)
        if each.endswith("Ranges"):
            found[each] = [one if "/" in one else f"{one}/32" for one in values]
    tags = [each for each in found if each.endswith("Tags")]
    accounts = [each for each in found if each.endswith("Accounts")]
    if tags and accounts:
        raise ComputeError("INVALID_ARGUMENT", unrecorded.compute_tags_or_accounts())
    if direction == "EGRESS":
        for each in ("sourceTags", "sourceServiceAccounts"):
            if each in found:
                raise bad_value(f"resource.{each}", found[each], unrecorded.compute_no_source())
        return {"destinationRanges": [ANYWHERE]} | found
    if not any(each.startswith("source") for each in found):
        found["sourceRanges"] = [ANYWHERE]
    return found


KIND = Kind(
    "Firewall", "firewall", "firewalls", "global", FIREWALLS,
    fields={"name": str, "description": str, "network": str, "priority": int, "direction": str,
            "allowed": _ENTRIES, "denied": _ENTRIES, "disabled": bool,
            "logConfig": {"enable": bool}, **{each: [str] for each in _LISTS}},
    refused=("params",),
    make=_make, put=stored_in(FIREWALLS),
)  # fmt: skip


async def _effective(asked: Asked, project: str, name: str) -> Document:
    """The firewall rules of a network; there are no firewall policies here."""
    place = Place.of(asked, project)
    network = NETWORKS_KIND.find(place, name)
    place.require("compute.networks.getEffectiveFirewalls", network["name"])
    rows = place.cloud.vpc.firewalls(place.project, name)
    return {"firewalls": [KIND.show(place.cloud, each) for each in rows]}


ROWS = [
    *KIND.rows("insert", "patch", "update", "delete"),
    Row("GET", "projects/{project}/global/networks/{name}/getEffectiveFirewalls", _effective),
]
