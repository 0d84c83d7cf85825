"""Resource records as Cloud DNS takes and keeps them.

Types: https://docs.cloud.google.com/dns/docs/records-overview (2026-11-24) and gcloud's own list.
"""

from __future__ import annotations

import re

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

TYPES = (
    "A", "AAAA", "CAA", "CNAME", "DNSKEY", "DS", "HTTPS", "IPSECKEY", "MX", "NAPTR", "NS", "PTR",
    "SOA", "SPF", "SRV", "SSHFP", "SVCB", "TLSA", "TXT",
)  # fmt: skip
SINGLE = ("CNAME", "SOA")
"""Types whose record sets have one record."""

LABEL = r"[a-z0-9_]([a-z0-9_/-]{0,61}[a-z0-9_])?"
NAME = re.compile(rf"(\*\.)?({LABEL}\.)+")


def is_name(text: str) -> bool:
    """Whether a text in lower case, with its final dot, can be the name of a record set."""
    return bool(NAME.fullmatch(text)) and len(text) <= 254


def canonical(kind: str, text: str) -> str:
    """A record's data in the one form in which it is kept. Raises ValueError if it is wrong.

    Names in it must be absolute, that is, end in a dot.
    """
    try:
        data = dns.rdata.from_text(dns.rdataclass.IN, kind, text, relativize=False)
        data.to_wire()
    except (dns.exception.DNSException, dns.name.NeedAbsoluteNameOrOrigin, ValueError) as error:
        raise ValueError(text) from error
    return str(data.to_text())
