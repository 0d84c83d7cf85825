"""What the name servers say of managed zones: what a mapped domain is decided by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.localcloud.network.zones import Zone, Zones
from helpers.localcloud.store import Document, Store

SOA = "ns-cloud-a1.googledomains.com. cloud-dns-hostmaster.google.com. 1 21600 3600 259200 300"
VPC = "projects/p/global/networks/vpc"


def record_set(name: str, kind: str, *data: str) -> Document:
    return {"name": name, "type": kind, "ttl": 300, "rrdatas": list(data)}


@pytest.fixture
def zones(tmp_path: Path) -> Iterator[Zones]:
    store = Store(tmp_path / "state.db")
    yield Zones(store)
    store.close()


def make(zones: Zones, domain: str, *sets: Document, project: str = "p", **more: object) -> Zone:
    order = zones.next_order()
    name = f"zone-{order}"
    resource = {"name": name, "dnsName": domain, "visibility": "public", **more}
    zones.put(project, resource, order)
    zone = zones.get(project, name)
    assert zone is not None
    zones.replace(zone, (), [record_set(domain, "SOA", SOA), *sets])
    return zone


@pytest.fixture
def example(zones: Zones) -> Zone:
    return make(
        zones,
        "example.com.",
        record_set("example.com.", "NS", "ns-cloud-a1.googledomains.com."),
        record_set("example.com.", "A", "192.0.2.1"),
        record_set("www.example.com.", "CNAME", "web.example.com."),
        record_set("web.example.com.", "A", "192.0.2.2", "192.0.2.3"),
        record_set("out.example.com.", "CNAME", "ghs.googlehosted.com."),
        record_set("deep.down.example.com.", "TXT", '"here"'),
        record_set("*.wild.example.com.", "A", "192.0.2.4"),
        record_set("there.wild.example.com.", "TXT", '"there"'),
        record_set("sub.example.com.", "NS", "ns1.elsewhere.net."),
        record_set("loop.example.com.", "CNAME", "pool.example.com."),
        record_set("pool.example.com.", "CNAME", "loop.example.com."),
    )


@pytest.mark.parametrize(
    ("name", "kind", "data"),
    [
        ("example.com", "A", ("192.0.2.1",)),
        ("www.example.com", "CNAME", ("web.example.com.",)),
        ("www.example.com", "A", ("192.0.2.2", "192.0.2.3")),
        ("www.example.com", "AAAA", ()),
        ("out.example.com", "A", ()),
        ("out.example.com", "CNAME", ("ghs.googlehosted.com.",)),
        ("any.wild.example.com", "A", ("192.0.2.4",)),
        ("any.more.wild.example.com", "A", ("192.0.2.4",)),
        ("there.wild.example.com", "A", ()),
        ("below.there.wild.example.com", "A", ()),
        ("wild.example.com", "A", ()),
        ("loop.example.com", "A", ()),
        ("example.org", "A", ()),
        ("notexample.com", "A", ()),
        ("com", "A", ()),
        ("", "A", ()),
    ],
)
@pytest.mark.usefixtures("example")
def test_records(zones: Zones, name: str, kind: str, data: tuple[str, ...]) -> None:
    """A mapping becomes ready when its records are there, and not before."""
    assert zones.records(name, kind) == data


@pytest.mark.parametrize(
    ("name", "rcode", "authoritative"),
    [
        ("example.com", "NOERROR", True),
        ("down.example.com", "NOERROR", True),
        ("missing.example.com", "NXDOMAIN", True),
        ("below.web.example.com", "NXDOMAIN", True),
        ("sub.example.com", "NOERROR", False),
        ("below.sub.example.com", "NOERROR", False),
        ("example.org", "REFUSED", False),
    ],
)
@pytest.mark.usefixtures("example")
def test_what_is_said_without_an_answer(
    zones: Zones, name: str, rcode: str, authoritative: bool
) -> None:
    """A resolver that takes one for the other remembers for hours that a name is missing."""
    found = zones.look_up(name, "MX")
    assert (found.rcode, found.authoritative, found.answer) == (rcode, authoritative, [])
    kinds = [each["type"] for each in found.authority]
    assert kinds == {"REFUSED": []}.get(rcode, ["SOA"] if authoritative else ["NS"])


@pytest.mark.usefixtures("example")
def test_a_longer_zone_has_the_name(zones: Zones) -> None:
    """A zone of a subdomain is how a team gets names of its own."""
    zone = make(zones, "web.example.com.", record_set("web.example.com.", "A", "192.0.2.9"))
    assert zones.records("www.example.com", "A") == ("192.0.2.9",)
    zones.delete(zone)
    assert zones.records("www.example.com", "A") == ("192.0.2.2", "192.0.2.3")


@pytest.mark.usefixtures("example")
def test_of_two_equal_zones_the_later_one_answers(zones: Zones) -> None:
    """Two projects may have a zone of one name; where the registrar points is decided alike."""
    make(zones, "example.com.", record_set("example.com.", "A", "192.0.2.8"), project="a")
    assert zones.records("example.com", "A") == ("192.0.2.8",)
    assert zones.records("web.example.com", "A") == ()


@pytest.mark.usefixtures("example")
def test_a_private_zone_answers_in_its_network_only(zones: Zones) -> None:
    """A name that the world could see would not be private."""
    url = f"https://www.googleapis.com/compute/v1/{VPC}"
    make(
        zones,
        "example.com.",
        record_set("db.example.com.", "A", "10.0.0.5"),
        visibility="private",
        privateVisibilityConfig={"networks": [{"networkUrl": url}]},
    )
    assert zones.records("db.example.com", "A", VPC) == ("10.0.0.5",)
    assert zones.records("web.example.com", "A", VPC) == ()
    for network in (None, VPC.replace("vpc", "other"), "vpc"):
        assert zones.records("db.example.com", "A", network) == ()
        assert zones.records("web.example.com", "A", network) == ("192.0.2.2", "192.0.2.3")
