"""Firewall rules: which of several decides, and what holds without any."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.localcloud.network.firewall import Host, lets_in, lets_out

CLIENT = Host("10.0.0.2", frozenset({"client"}))
SERVER = Host("10.0.0.9", frozenset({"web"}), "sa@p.iam.gserviceaccount.com")
STRANGER = Host("203.0.113.9")


def rule(**fields: Any) -> dict[str, Any]:
    return {"allowed": [{"IPProtocol": "tcp", "ports": ["80", "8080-8090"]}]} | fields


def opens(
    *rules: dict[str, Any], source: Host = CLIENT, protocol: str = "tcp", port: int = 80
) -> bool:
    return lets_in(rules, source, SERVER, protocol, port)


def test_without_a_rule_nothing_comes_in_and_everything_goes_out() -> None:
    """The implied rules: a new network is closed, which surprises everybody once."""
    assert not lets_in([], CLIENT, SERVER, "tcp", 80)
    assert lets_out([], SERVER, STRANGER, "tcp", 443)


@pytest.mark.parametrize(("port", "open_"), [(80, True), (81, False), (8080, True), (8091, False)])
def test_ports(port: int, open_: bool) -> None:
    assert opens(rule(), port=port) is open_


def test_protocols_by_name_and_by_number() -> None:
    assert opens(rule(allowed=[{"IPProtocol": "all"}]), protocol="udp", port=53)
    assert opens(rule(allowed=[{"IPProtocol": "6"}]))
    assert not opens(rule(), protocol="udp")
    assert opens(rule(allowed=[{"IPProtocol": "icmp"}]), protocol="icmp", port=0)


@pytest.mark.parametrize(
    ("fields", "open_"),
    [
        ({"sourceRanges": ["10.0.0.0/24"]}, True),
        ({"sourceRanges": ["10.0.1.0/24"]}, False),
        ({"sourceTags": ["client"]}, True),
        ({"sourceTags": ["other"]}, False),
        ({"sourceRanges": ["10.0.1.0/24"], "sourceTags": ["client"]}, True),
        ({"targetTags": ["web"]}, True),
        ({"targetTags": ["db"]}, False),
        ({"targetServiceAccounts": ["sa@p.iam.gserviceaccount.com"]}, True),
        ({"targetServiceAccounts": ["other@p.iam.gserviceaccount.com"]}, False),
        ({"destinationRanges": ["10.0.0.9/32"]}, True),
        ({"destinationRanges": ["10.0.0.8/32"]}, False),
        ({"disabled": True}, False),
        ({"direction": "EGRESS"}, False),
    ],
)
def test_whom_a_rule_is_about(fields: dict[str, Any], open_: bool) -> None:
    """A rule for the wrong machines opens a database to the network, or closes a web server."""
    assert opens(rule(**fields)) is open_


def test_the_lowest_number_decides_and_at_equal_ones_the_denial() -> None:
    deny = {"denied": [{"IPProtocol": "all"}]}
    assert not opens(rule(priority=1000), {**deny, "priority": 900})
    assert opens(rule(priority=800), {**deny, "priority": 900})
    assert not opens(rule(priority=900), {**deny, "priority": 900})


def test_an_egress_rule_is_about_the_machine_that_sends() -> None:
    deny = {
        "direction": "EGRESS", "denied": [{"IPProtocol": "all"}], "targetTags": ["web"],
        "destinationRanges": ["203.0.113.0/24"],
    }  # fmt: skip
    assert not lets_out([deny], SERVER, STRANGER, "tcp", 443)
    assert lets_out([deny], CLIENT, STRANGER, "tcp", 443)
    assert lets_out([deny], SERVER, CLIENT, "tcp", 443)
