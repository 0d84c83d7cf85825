"""Names inside an instance: what an app loses if its resolver is answered wrongly."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import pytest

from helpers.localcloud.network.dns import answer
from helpers.localcloud.network.zones import Found
from tests.network.test_zones import record_set

KNOWN = {"run.googleapis.com": "199.36.153.8"}


def ask(name: str, kind: str = "A") -> dns.message.Message:
    query = dns.message.make_query(name, kind)
    reply = dns.message.from_wire(answer(query.to_wire(), KNOWN.get))
    assert query.is_response(reply)
    return reply


@pytest.mark.parametrize("name", ["run.googleapis.com", "RUN.googleapis.com."])
def test_a_known_name(name: str) -> None:
    [found] = ask(name).answer
    assert [record.address for record in found] == ["199.36.153.8"]


@pytest.mark.parametrize("kind", ["AAAA", "TXT", "SRV"])
def test_a_known_name_has_nothing_else(kind: str) -> None:
    """A client that asks for IPv6 first goes on with IPv4 at once, without a time-out."""
    reply = ask("run.googleapis.com", kind)
    assert (reply.rcode(), reply.answer) == (dns.rcode.NOERROR, [])


def test_an_unknown_name_is_not_said_to_be_missing() -> None:
    assert ask("www.example.com").rcode() == dns.rcode.REFUSED


SETS = {
    ("www.example.com", "A"): [("www.example.com.", "A", "192.0.2.1")],
    ("www.example.com", "TXT"): [("www.example.com.", "TXT", '"here"')],
    ("out.example.com", "A"): [("out.example.com.", "CNAME", "Run.googleapis.com.")],
    ("out.example.com", "CNAME"): [("out.example.com.", "CNAME", "Run.googleapis.com.")],
}
SOA = "ns. hostmaster. 1 21600 3600 259200 300"


def look_up(name: str, kind: str) -> Found:
    """One zone, ``example.com``."""
    if not name.endswith("example.com"):
        return Found("REFUSED", authoritative=False)
    if name == "sub.example.com":
        return Found(authoritative=False, authority=[record_set("sub.example.com.", "NS", "ns.")])
    answer = [record_set(*each) for each in SETS.get((name, kind), [])]
    known = any(name == other for other, _ in SETS)
    soa = [] if answer else [record_set("example.com.", "SOA", SOA)]
    return Found("NOERROR" if known else "NXDOMAIN", answer=answer, authority=soa)


@pytest.mark.parametrize(
    ("name", "kind", "rcode", "said"),
    [
        ("www.example.com", "A", "NOERROR", ["192.0.2.1"]),
        ("WWW.example.com", "TXT", "NOERROR", ['"here"']),
        ("www.example.com", "AAAA", "NOERROR", []),
        ("out.example.com", "A", "NOERROR", ["Run.googleapis.com.", "199.36.153.8"]),
        ("out.example.com", "CNAME", "NOERROR", ["Run.googleapis.com."]),
        ("no.example.com", "A", "NXDOMAIN", []),
        ("sub.example.com", "A", "REFUSED", []),
        ("www.example.net", "A", "REFUSED", []),
        ("run.googleapis.com", "A", "NOERROR", ["199.36.153.8"]),
        ("run.googleapis.com", "TXT", "NOERROR", []),
    ],
)
def test_names_in_managed_zones(name: str, kind: str, rcode: str, said: list[str]) -> None:
    """An app finds what its team has put into Cloud DNS, and Google's hosts behind an alias."""
    query = dns.message.make_query(name, kind)
    reply = dns.message.from_wire(answer(query.to_wire(), KNOWN.get, look_up))
    assert dns.rcode.to_text(reply.rcode()) == rcode
    assert [record.to_text() for rrset in reply.answer for record in rrset] == said
    assert not reply.flags & dns.flags.AA


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"x" * 100, dns.message.Message().to_wire()],
    ids=["nothing", "a byte", "text", "no question"],
)
def test_what_is_no_question_harms_nobody(data: bytes) -> None:
    answer(data, KNOWN.get)


def test_an_answer_is_not_answered() -> None:
    """Two name servers would talk to each other for ever."""
    reply = answer(dns.message.make_query("run.googleapis.com", "A").to_wire(), KNOWN.get)
    assert answer(reply, KNOWN.get) == b""
