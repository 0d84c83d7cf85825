"""IPv4 ranges of networks, and the addresses in them: pure arithmetic."""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Iterable
from ipaddress import IPv4Network

AUTO_RANGES = {
    "africa-south1": "10.218.0.0/20",
    "asia-east1": "10.140.0.0/20",
    "asia-east2": "10.170.0.0/20",
    "asia-northeast1": "10.146.0.0/20",
    "asia-northeast2": "10.174.0.0/20",
    "asia-northeast3": "10.178.0.0/20",
    "asia-south1": "10.160.0.0/20",
    "asia-south2": "10.190.0.0/20",
    "asia-southeast1": "10.148.0.0/20",
    "asia-southeast2": "10.184.0.0/20",
    "australia-southeast1": "10.152.0.0/20",
    "australia-southeast2": "10.192.0.0/20",
    "europe-central2": "10.186.0.0/20",
    "europe-north1": "10.166.0.0/20",
    "europe-north2": "10.226.0.0/20",
    "europe-southwest1": "10.204.0.0/20",
    "europe-west1": "10.132.0.0/20",
    "europe-west2": "10.154.0.0/20",
    "europe-west3": "10.156.0.0/20",
    "europe-west4": "10.164.0.0/20",
    "europe-west6": "10.172.0.0/20",
    "europe-west8": "10.198.0.0/20",
    "europe-west9": "10.200.0.0/20",
    "europe-west10": "10.214.0.0/20",
    "europe-west12": "10.210.0.0/20",
    "me-central1": "10.212.0.0/20",
    "me-central2": "10.216.0.0/20",
    "me-west1": "10.208.0.0/20",
    "northamerica-northeast1": "10.162.0.0/20",
    "northamerica-northeast2": "10.188.0.0/20",
    "southamerica-east1": "10.158.0.0/20",
    "southamerica-west1": "10.194.0.0/20",
    "us-central1": "10.128.0.0/20",
    "us-east1": "10.142.0.0/20",
    "us-east4": "10.150.0.0/20",
    "us-east5": "10.202.0.0/20",
    "us-south1": "10.206.0.0/20",
    "us-west1": "10.138.0.0/20",
    "us-west2": "10.168.0.0/20",
    "us-west3": "10.180.0.0/20",
    "us-west4": "10.182.0.0/20",
}
"""The range of the subnetwork that an auto mode network has in each region.

Source: https://docs.cloud.google.com/vpc/docs/subnets#ip-ranges, as
https://github.com/GoogleCloudPlatform/accelerated-platforms and a listing of a project (2025-03)
repeat it.
"""

AUTO_RANGE = "10.128.0.0/9"
"""All of them, and those of regions to come."""

EXTERNAL = ("203.0.113.0/24", "198.51.100.0/24")
"""External addresses here: of the ranges for documentation (RFC 5737), so nobody's real ones."""


class NotARange(ValueError):
    """A text that is not an IPv4 range with its host bits unset."""


def parse(text: str) -> IPv4Network:
    """A range such as ``10.0.0.0/24``. Raises NotARange."""
    try:
        if "/" not in text:
            raise ValueError
        return IPv4Network(text)
    except ValueError:
        raise NotARange(text) from None


def gateway(text: str) -> str:
    """The address of a range's gateway, its second one."""
    return str(parse(text)[1])


def overlapping(text: str, others: Iterable[str]) -> str | None:
    """The first of the other ranges that shares an address with this one, or None."""
    mine = parse(text)
    return next((other for other in others if parse(other).overlaps(mine)), None)


def contains(text: str, address: str) -> bool:
    """Whether an address is in a range."""
    return ipaddress.IPv4Address(address) in parse(text)


def usable(text: str, address: str) -> bool:
    """Whether a machine may have that address: not the first two, not the last two of its range.

    Source: https://docs.cloud.google.com/vpc/docs/subnets#unusable-ip-addresses-in-every-subnet
    """
    mine = parse(text)
    try:
        wanted = ipaddress.IPv4Address(address)
    except ValueError:
        return False
    return wanted in mine and wanted not in (mine[0], mine[1], mine[-2], mine[-1])


def first_free(text: str, taken: Container[str]) -> str | None:
    """The lowest usable address of a range that is not taken, or None."""
    mine = parse(text)
    for number in range(2, mine.num_addresses - 2):
        if str(mine[number]) not in taken:
            return str(mine[number])
    return None
