"""Google Public DNS over HTTPS: the JSON API, for whoever has no way to a name server's port.

Source: https://developers.google.com/speed/public-dns/docs/doh/json (2026-11-25). It knows what the
name servers of Cloud DNS say, and of other names that they are not to be had here.
"""

from __future__ import annotations

import dns.exception
import dns.name
import dns.rcode
import dns.rdatatype
from aiohttp import web

from .. import unrecorded
from ..errors import invalid
from ..network.zones import Document
from .methods import Api, Call, Route
from .rest import json_response


async def resolve(call: Call, request: web.BaseRequest) -> web.Response:
    """The record sets of a ``name`` and a ``type``, a number or its name; ``A`` if none is said."""
    try:
        name = dns.name.from_text(request.query.get("name", "") or "..")
    except dns.exception.DNSException:
        raise invalid("name", unrecorded.doh_name()) from None
    try:
        kind = dns.rdatatype.from_text(_type(request.query.get("type", "A")))
    except (dns.rdatatype.UnknownRdatatype, ValueError):
        raise invalid("type", unrecorded.doh_type()) from None
    if kind == dns.rdatatype.NONE:
        raise invalid("type", unrecorded.doh_type())
    asked = name.to_text()
    found = call.cloud.zones.look_up(asked.rstrip(".").lower(), dns.rdatatype.to_text(kind))
    shown: Document = {
        "Status": int(dns.rcode.from_text(found.rcode)),
        "TC": False,
        "RD": True,
        "RA": True,
        "AD": False,
        "CD": False,
        "Question": [{"name": asked, "type": int(kind)}],
    }
    if found.answer:
        shown["Answer"] = _records(found.answer)
    elif found.authority:
        shown["Authority"] = _records(found.authority)
    if found.rcode == "REFUSED":
        shown["Comment"] = unrecorded.doh_elsewhere()
    return json_response(shown)


def _type(text: str) -> str:
    return f"TYPE{text}" if text.isdecimal() else text


def _records(record_sets: list[Document]) -> list[Document]:
    return [
        {
            "name": each["name"],
            "type": int(dns.rdatatype.from_text(each["type"])),
            "TTL": each["ttl"],
            "data": data,
        }
        for each in record_sets
        for data in each["rrdatas"]
    ]


API = Api(
    "public_dns",
    hosts=(r"dns\.google",),
    routes=[Route("GET", "/resolve", resolve)],
    anonymous=True,
)
