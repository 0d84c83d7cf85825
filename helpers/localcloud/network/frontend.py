"""Google's front end for mapped domains, as DNS shows it: its records, and what leads there.

Records and their split between a domain and a name below it: live mappings of 2025 and 2026 in
public repositories.
"""

from __future__ import annotations

from .zones import Zones

ALIAS = "ghs.googlehosted.com."
ADDRESSES = {
    "A": ("216.239.32.21", "216.239.34.21", "216.239.36.21", "216.239.38.21"),
    "AAAA": (
        "2001:4860:4802:32::15",
        "2001:4860:4802:34::15",
        "2001:4860:4802:36::15",
        "2001:4860:4802:38::15",
    ),
}

_REGISTRIES = {"ac", "co", "com", "edu", "go", "gov", "ne", "net", "or", "org", "re"}


def records(domain: str) -> list[dict[str, str]]:
    """The records that a mapped domain needs: an alias, or addresses if somebody registered it.

    What can be registered is decided without the public suffix list: two labels, or three like
    ``example.co.kr``.
    """
    labels = domain.split(".")
    registered = 3 if len(labels) > 2 and labels[-2] in _REGISTRIES and len(labels[-1]) == 2 else 2
    below = ".".join(labels[:-registered])
    if below:
        return [{"name": below, "rrdata": ALIAS, "type": "CNAME"}]
    return [{"rrdata": address, "type": kind} for kind in ADDRESSES for address in ADDRESSES[kind]]


def leads_here(zones: Zones, name: str) -> bool:
    """Whether a name's records lead to Google's front end, and nowhere else.

    One address of another server among them is enough for a certificate's challenge to miss: so
    the record of a live mapping of 2026-06-23.
    """
    found = zones.look_up(name, "A").answer
    if found and found[-1]["type"] == "CNAME":
        return str(found[-1]["rrdatas"][0]).lower() == ALIAS
    addresses = set(found[-1]["rrdatas"]) if found else set()
    others = set(zones.records(name, "AAAA"))
    return bool(addresses) and addresses <= {*ADDRESSES["A"]} and others <= {*ADDRESSES["AAAA"]}
