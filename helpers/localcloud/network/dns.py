"""The name server of an instance."""

from __future__ import annotations

from collections.abc import Callable

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

TTL = 300
"""Seconds that a name may be remembered."""


def answer(query: bytes, address: Callable[[str], str | None]) -> bytes:
    """The answer to one query, both as they go over UDP; empty if there is nothing to answer.

    ``address`` gives the IPv4 address of a name in lower case, without a final dot. A name it
    gives None for is refused: whether it exists elsewhere is not known here.
    """
    try:
        message = dns.message.from_wire(query)
        reply = dns.message.make_response(message, recursion_available=True)
    except dns.exception.DNSException:
        return b""
    if len(message.question) != 1:
        reply.set_rcode(dns.rcode.FORMERR)
        return reply.to_wire()
    [question] = message.question
    found = address(question.name.to_text(omit_final_dot=True).lower())
    if found is None:
        reply.set_rcode(dns.rcode.REFUSED)
    elif question.rdtype == dns.rdatatype.A:
        reply.answer.append(dns.rrset.from_text(question.name, TTL, "IN", "A", found))
    return reply.to_wire()
