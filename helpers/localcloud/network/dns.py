"""DNS messages: what an instance's name server answers, and what those of the world answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from .zones import Document, Found

TTL = 300
"""Seconds that the address of one of Google's hosts may be remembered."""

PLAIN_UDP = 512
"""Bytes of an answer over UDP for who does not say that it takes more."""

UDP = 1232
"""Bytes of an answer over UDP at most: https://www.dnsflagday.net/2020/ (2026-11-25)."""

LookUp = Callable[[str, str], Found]
Question = dns.rrset.RRset


def answer(
    query: bytes, address: Callable[[str], str | None], look_up: LookUp | None = None
) -> bytes:
    """What the name server of an instance says to one query; both are as they go over UDP.

    ``address`` gives the IPv4 address of a name in lower case, without a final dot, and ``look_up``
    what the managed zones have. A name that neither knows is refused: whether it exists elsewhere
    is not known here. Empty if there is nothing to answer.
    """

    def fill(reply: dns.message.Message, question: Question) -> None:
        name, kind = _name(question), dns.rdatatype.to_text(question.rdtype)
        found = Found("REFUSED")
        if address(name) is not None:
            found = Found()
        elif look_up is not None:
            found = look_up(name, kind)
        if not found.authoritative:  # Handed to name servers that are not here.
            found = Found("REFUSED")
        _write(reply, found, question.name)
        reply.flags &= ~dns.flags.AA
        if found.answer and found.answer[-1]["type"] == "CNAME" != kind:
            name = found.answer[-1]["rrdatas"][0].rstrip(".").lower()
        known = address(name)
        if known is not None and kind == "A":
            reply.answer.append(dns.rrset.from_text(f"{name}.", TTL, "IN", "A", known))

    return _reply(query, fill, recursion=True, udp=True)


def authoritative(query: bytes, look_up: LookUp, *, udp: bool) -> bytes:
    """What Cloud DNS' name servers say to one query: of the managed zones, and of nothing else."""

    def fill(reply: dns.message.Message, question: Question) -> None:
        kind = dns.rdatatype.to_text(question.rdtype)
        if question.rdclass != dns.rdataclass.IN or kind in ("AXFR", "IXFR", "MAILA", "MAILB"):
            reply.set_rcode(dns.rcode.REFUSED)
        else:
            _write(reply, look_up(_name(question), kind), question.name)

    return _reply(query, fill, recursion=False, udp=udp)


def _name(question: Question) -> str:
    return question.name.to_text(omit_final_dot=True).lower()


def _reply(
    query: bytes,
    fill: Callable[[dns.message.Message, Question], None],
    *,
    recursion: bool,
    udp: bool,
) -> bytes:
    try:
        message = dns.message.from_wire(query)
        reply = dns.message.make_response(message, recursion_available=recursion, our_payload=UDP)
    except dns.exception.DNSException:
        return b""
    if message.opcode() != dns.opcode.QUERY:
        reply.set_rcode(dns.rcode.NOTIMP)
    elif len(message.question) != 1:
        reply.set_rcode(dns.rcode.FORMERR)
    else:
        fill(reply, message.question[0])
    size = 65535
    if udp:
        size = min(max(message.payload, PLAIN_UDP), UDP) if message.edns >= 0 else PLAIN_UDP
    return reply.to_wire(max_size=size, prefer_truncation=True)


def _write(reply: dns.message.Message, found: Found, asked: dns.name.Name) -> None:
    reply.set_rcode(dns.rcode.from_text(found.rcode))
    if found.authoritative:
        reply.flags |= dns.flags.AA
    reply.answer += _rrsets(found.answer, asked)
    reply.authority += _rrsets(found.authority, asked)
    for rrset in reply.authority:
        if rrset.rdtype == dns.rdatatype.SOA:  # How long a name may be remembered as missing.
            rrset.ttl = min(rrset.ttl, rrset[0].minimum)


def _rrsets(documents: Iterable[Document], asked: dns.name.Name) -> list[dns.rrset.RRset]:
    """Record sets for a message. The name that was asked for is said in the case it was asked."""
    rrsets = []
    for each in documents:
        name = dns.name.from_text(each["name"])
        name = asked if name == asked else name
        rrsets.append(dns.rrset.from_text(name, each["ttl"], "IN", each["type"], *each["rrdatas"]))
    return rrsets
