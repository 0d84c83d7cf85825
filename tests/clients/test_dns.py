"""Cloud DNS through the official library, and what ``dig`` and a resolver are told then."""

from __future__ import annotations

import shutil
import socket
import subprocess
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rcode
import dns.rdatatype
import pytest
import requests
from google.api_core import exceptions
from google.cloud import dns as cloud_dns  # type: ignore[attr-defined]

from tests.conftest import LocalCloud

HOST = "127.0.0.1"


@pytest.fixture
def zone(cloud: LocalCloud, project: str) -> cloud_dns.ManagedZone:
    """A zone of the test's own."""
    client = cloud_dns.Client(project=project)
    made = client.zone("web", f"{project}.example.", description="Names of a test")
    made.create()
    return made


def add(zone: cloud_dns.ManagedZone, name: str, kind: str, *data: str, ttl: int = 300) -> None:
    """Adds a record set in one change."""
    changes = zone.changes()
    changes.add_record_set(zone.resource_record_set(name, kind, ttl, list(data)))
    changes.create()


@pytest.fixture
def port(cloud: LocalCloud) -> int:
    """The name server's port, as ``localcloud status`` tells it."""
    return int(cloud.control.ask("status")["name_server"].rpartition(":")[2])


def ask(port: int, name: str, kind: str, **options: object) -> dns.message.Message:
    """What the name server says over TCP."""
    query = dns.message.make_query(name, kind, **options)  # type: ignore[arg-type]
    return dns.query.tcp(query, HOST, timeout=20, port=port)


def test_the_official_client(zone: cloud_dns.ManagedZone, project: str) -> None:
    """Google's sample: a zone, a change, the wait until it is done, the list."""
    client = cloud_dns.Client(project=project)
    assert client.quotas()["managedZones"] == 10000
    [found] = client.list_zones()
    assert (found.name, found.dns_name, found.description) == (
        "web",
        f"{project}.example.",
        "Names of a test",
    )
    assert found.name_servers == zone.name_servers
    assert found.created == zone.created
    changes = zone.changes()
    www = zone.resource_record_set(f"www.{project}.example.", "A", 300, ["192.0.2.1"])
    changes.add_record_set(www)
    changes.create()
    assert changes.status == "pending"
    changes.reload()
    assert changes.status == "done"
    sets = [(each.name, each.record_type, each.ttl) for each in zone.list_resource_record_sets()]
    assert sets[2:] == [(f"www.{project}.example.", "A", 300)]
    with pytest.raises(exceptions.Conflict, match="already exists"):
        add(zone, www.name, "A", "192.0.2.2")
    with pytest.raises(exceptions.BadRequest, match="cannot be deleted"):
        zone.delete()
    back = zone.changes()
    back.delete_record_set(www)
    back.create()
    assert [each.name for each in zone.list_changes()] == ["0", "1", "2"]
    zone.delete()
    assert not zone.exists()


@pytest.mark.skipif(shutil.which("dig") is None, reason="dig is not installed (make setup-ci)")
def test_dig(zone: cloud_dns.ManagedZone, project: str, port: int) -> None:
    """What a reader types: the answer, its authority, and a name that is missing."""
    add(zone, f"www.{project}.example.", "A", "192.0.2.1", "192.0.2.2")
    add(zone, f"alias.{project}.example.", "CNAME", f"www.{project}.example.")

    def dig(*arguments: str) -> str:
        command = ["dig", f"@{HOST}", "-p", str(port), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout

    addresses = ["192.0.2.1", "192.0.2.2"]  # In any order, as name servers give them.
    assert sorted(dig("+short", f"www.{project}.example").split()) == addresses
    alias, *rest = dig("+short", "+tcp", f"alias.{project}.example").split()
    assert (alias, sorted(rest)) == (f"www.{project}.example.", addresses)
    whole = dig(f"www.{project}.example")
    assert "status: NOERROR" in whole and " aa" in whole.partition(";; flags:")[2].partition(";")[0]
    assert zone.name_servers == sorted(dig("+short", f"{project}.example", "NS").split())
    missing = dig(f"no.{project}.example")
    assert "status: NXDOMAIN" in missing
    soa = f"SOA {zone.name_servers[0]} cloud-dns-hostmaster.google.com. 1 21600 3600 259200 300"
    assert f"{project}.example. 300 IN {soa}" in " ".join(missing.split())
    assert "status: REFUSED" in dig("www.example.net")


def test_a_long_answer_comes_over_tcp(zone: cloud_dns.ManagedZone, project: str, port: int) -> None:
    """A resolver that is not told that an answer was cut would use half of it."""
    name = f"many.{project}.example."
    add(zone, name, "A", *[f"192.0.2.{n}" for n in range(100)])
    plain = dns.message.make_query(name, "A")
    cut = dns.query.udp(plain, HOST, timeout=20, port=port)
    assert cut.flags & dns.flags.TC and len(cut.to_wire()) <= 512
    larger = dns.message.make_query(name, "A", use_edns=0, payload=4096)
    assert len(dns.query.udp(larger, HOST, timeout=20, port=port).to_wire()) <= 1232
    whole, by_tcp = dns.query.udp_with_fallback(plain, HOST, timeout=20, port=port)
    assert by_tcp and len(whole.answer[0]) == 100


def test_names_have_no_case(zone: cloud_dns.ManagedZone, project: str, port: int) -> None:
    """Resolvers mix the case on purpose, and look whether it comes back."""
    add(zone, f"*.{project}.example.", "TXT", '"anything"')
    name = f"Any.{project.upper()}.Example."
    reply = ask(port, name, "TXT")
    assert reply.answer[0].name.to_text() == name
    assert [each.to_text() for each in reply.answer[0]] == ['"anything"']


def test_what_is_no_question_for_a_zone(
    zone: cloud_dns.ManagedZone, project: str, port: int
) -> None:
    """Whole zones are not handed out, and nothing brings the name server down."""
    with pytest.raises(dns.exception.DNSException):
        list(dns.query.xfr(HOST, f"{project}.example.", port=port, timeout=20))
    update = dns.message.make_query(f"{project}.example.", "SOA")
    update.set_opcode(dns.opcode.NOTIFY)
    assert dns.query.tcp(update, HOST, timeout=20, port=port).rcode() == dns.rcode.NOTIMP
    assert ask(port, f"{project}.example.", "SOA", rdclass="CH").rcode() == dns.rcode.REFUSED
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as loud:
        for junk in (b"", b"\0", b"x" * 1500):
            loud.sendto(junk, (HOST, port))
    with socket.create_connection((HOST, port)) as broken:
        broken.sendall(b"\xff\xffnot so long")
    with socket.create_connection((HOST, port), 20) as broken:
        broken.sendall(b"\0\x03abc")
        assert broken.recv(10) in (b"", b"\0\0")
    assert ask(port, f"{project}.example.", "SOA").answer


def test_only_this_machine_can_ask(port: int) -> None:
    """Names of a lesson must not be served to a café's network."""
    listening = ("/proc/net/tcp", "/proc/net/udp", "/proc/net/tcp6", "/proc/net/udp6")
    ends = []
    for table in listening:
        with open(table) as file:
            for line in file.readlines()[1:]:
                local, state = line.split()[1], line.split()[3]
                if int(local.rpartition(":")[2], 16) == port and state in ("0A", "07"):
                    ends.append((table, local.partition(":")[0]))
    assert ends == [("/proc/net/tcp", "0100007F"), ("/proc/net/udp", "0100007F")]


def test_dns_over_https(zone: cloud_dns.ManagedZone, project: str) -> None:
    """What a notebook asks here and on Google alike, without knowing a name server's port."""
    add(zone, f"www.{project}.example.", "CNAME", "ghs.googlehosted.com.")
    add(zone, f"{project}.example.", "TXT", '"google-site-verification=x"')

    def resolve(status: int = 200, **parameters: str) -> dict[str, Any]:
        answer = requests.get("https://dns.google/resolve", params=parameters, timeout=30)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    found = resolve(name=f"www.{project}.example", type="CNAME")
    assert found == {
        "Status": 0, "TC": False, "RD": True, "RA": True, "AD": False, "CD": False,
        "Question": [{"name": f"www.{project}.example.", "type": 5}],
        "Answer": [
            {"name": f"www.{project}.example.", "type": 5, "TTL": 300,
             "data": "ghs.googlehosted.com."}
        ],
    }  # fmt: skip
    [answer] = resolve(name=f"{project}.example.", type="16")["Answer"]
    assert answer["data"] == '"google-site-verification=x"'
    missing = resolve(name=f"no.{project}.example")
    assert (missing["Status"], "Answer" in missing, "Authority" in missing) == (3, False, True)
    assert resolve(name="www.example.net")["Status"] == 5
    for wrong in ({}, {"name": "a..b"}, {"name": "a.b", "type": "NONE"}, {"name": "a", "type": ""}):
        resolve(400, **wrong)


def test_a_restart_keeps_zones_and_port(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A domain whose name server has moved is a domain that is gone."""
    from helpers.localcloud import control
    from helpers.localcloud.home import Home
    from tests.faults.client import Client

    home = Home(tmp_path_factory.mktemp("restarted"))
    address, replies = set(), []
    zones = "https://dns.googleapis.com/dns/v1/projects/hands-on/managedZones"
    for turn in range(2):
        connection = control.connect(home, start=True, hold=True)
        address.add(connection.ask("status")["name_server"])
        if turn == 0:
            body = {"name": "kept", "dnsName": "kept.example.", "description": ""}
            Client(home).call("POST", zones, json=body)
        [where] = address
        replies.append(ask(int(where.rpartition(":")[2]), "kept.example.", "NS").answer)
        connection.ask("stop")
        connection.wait_closed()
    assert replies[0] == replies[1] != []
