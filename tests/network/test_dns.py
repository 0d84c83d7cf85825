"""Names inside an instance: what an app loses if its resolver is answered wrongly."""

from __future__ import annotations

import dns.message
import dns.rcode
import pytest

from helpers.localcloud.network.dns import answer

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
