"""What the firewall rules of a VPC network let through: pure logic on rules as Compute has them.

Source: https://docs.cloud.google.com/firewall/docs/firewalls (2026-04)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .addresses import contains

Rule = dict[str, Any]

NUMBERS = {"icmp": "1", "tcp": "6", "udp": "17", "esp": "50", "ah": "51", "sctp": "132",
           "ipip": "94"}  # fmt: skip
ANYWHERE = "0.0.0.0/0"
LOWEST_PRIORITY = 65535


@dataclass(frozen=True)
class Host:
    """One end of a connection: its address, and what rules can know it by besides."""

    address: str
    tags: frozenset[str] = frozenset()
    account: str = ""


def lets_in(rules: Iterable[Rule], source: Host, target: Host, protocol: str, port: int) -> bool:
    """Whether the INGRESS rules allow a connection to its target; without a rule, none is."""
    return _decide("INGRESS", rules, target, source, protocol, port, implied=False)


def lets_out(rules: Iterable[Rule], source: Host, target: Host, protocol: str, port: int) -> bool:
    """Whether the EGRESS rules allow a connection from its source; without a rule, all are."""
    return _decide("EGRESS", rules, source, target, protocol, port, implied=True)


def _decide(
    direction: str,
    rules: Iterable[Rule],
    subject: Host,
    other: Host,
    protocol: str,
    port: int,
    *,
    implied: bool,
) -> bool:
    """What the strongest rule about ``subject`` says: lowest priority first, denials first."""
    found = [
        (rule.get("priority", 1000), "denied" not in rule)
        for rule in rules
        if rule.get("direction", "INGRESS") == direction
        and not rule.get("disabled")
        and _is_target(rule, subject)
        and _other_end(rule, direction, subject, other)
        and _covers(rule.get("denied") or rule.get("allowed") or [], protocol, port)
    ]
    return min(found)[1] if found else implied


def _is_target(rule: Rule, host: Host) -> bool:
    tags, accounts = rule.get("targetTags"), rule.get("targetServiceAccounts")
    if not tags and not accounts:
        return True
    return not host.tags.isdisjoint(tags or ()) or host.account in (accounts or ())


def _other_end(rule: Rule, direction: str, subject: Host, other: Host) -> bool:
    """Whether the addresses fit; of the sources that a rule names one is enough."""
    ranges, destinations = rule.get("sourceRanges"), rule.get("destinationRanges")
    if direction == "EGRESS":
        return _within(destinations, other) and _within(ranges, subject)
    tags, accounts = rule.get("sourceTags"), rule.get("sourceServiceAccounts")
    if not _within(destinations, subject):
        return False
    if not tags and not accounts:
        return _within(ranges, other)
    return (
        (bool(ranges) and _within(ranges, other))
        or not other.tags.isdisjoint(tags or ())
        or other.account in (accounts or ())
    )


def _within(ranges: list[str] | None, host: Host) -> bool:
    ranges = [each for each in ranges or [ANYWHERE] if ":" not in each]
    return any(contains(each, host.address) for each in ranges)


def _covers(entries: list[dict[str, Any]], protocol: str, port: int) -> bool:
    number = NUMBERS.get(protocol, protocol)
    for entry in entries:
        named = entry["IPProtocol"].lower()
        if named != "all" and NUMBERS.get(named, named) != number:
            continue
        if not entry.get("ports"):
            return True
        for text in entry["ports"]:
            first, _, last = text.partition("-")
            if int(first) <= port <= int(last or first):
                return True
    return False
