"""``gcloud dns``: zones, record sets one by one, in transactions, and from a registrar's file."""

from __future__ import annotations

from pathlib import Path

import dns.rdatatype
import dns.zone
import pytest
from google.cloud import dns as cloud_dns  # type: ignore[attr-defined]

from tests.clients.gcloud.conftest import Gcloud
from tests.clients.gcloud.table import Row, play


def sets(project: str) -> dict[tuple[str, str], list[str]]:
    """What the official client sees in the zone ``web``, without what every zone has."""
    client = cloud_dns.Client(project=project)
    found = client.zone("web", f"{project}.example.").list_resource_record_sets()
    return {
        (each.name.removesuffix(f"{project}.example."), each.record_type): each.rrdatas
        for each in found
        if each.record_type not in ("NS", "SOA")
    }


def test_zones(gcloud: Gcloud, project: str) -> None:
    """A zone is made, described, changed, listed, and goes when it is empty."""
    create = "dns managed-zones create web --dns-name={project}.example."
    wrong = "ERROR: (gcloud.dns.managed-zones.create) HTTPError"
    rows = [
        Row(
            create,
            says=f"{wrong} 400: The 'entity.managedZone.description' parameter is required but was"
            " missing.",
            code=1,
        ),
        Row(
            f"{create} --description='Names of a test'",
            says="Created [https://dns.googleapis.com/dns/v1/projects/{project}/managedZones/web].",
        ),
        Row(
            f"{create} --description=Again",
            says="ERROR: (gcloud.dns.managed-zones.create) Resource in projects [{project}] is the"
            " subject of a conflict: The resource 'entity.managedZone' named 'web' already exists",
            code=1,
        ),
        Row(
            "dns managed-zones list",
            """
            NAME DNS_NAME DESCRIPTION VISIBILITY
            web {project}.example. Names of a test public
            """,
        ),
        Row(
            "dns managed-zones describe web --format='value(nameServers)'",
            "<servers>",
        ),
        Row(
            "dns managed-zones update web --description=Changed --update-labels=team=web",
            says="…",
        ),
        Row(
            "dns managed-zones describe web --format='value(description,labels,visibility)'",
            "Changed team=web public",
        ),
        Row(
            "dns managed-zones delete web",
            says="Deleted [https://dns.googleapis.com/dns/v1/projects/{project}/managedZones/web].",
        ),
        Row(
            "dns managed-zones describe web",
            says="ERROR: (gcloud.dns.managed-zones.describe) HTTPError 404: The"
            " 'parameters.managedZone' resource named 'web' does not exist. {authenticated}.",
            code=1,
        ),
    ]
    names = play(gcloud, rows)
    assert names["servers"].count("googledomains.com.") == 4


@pytest.fixture
def zone(gcloud: Gcloud, project: str) -> str:
    """The domain of a zone ``web``, without a final dot."""
    domain = f"{project}.example"
    gcloud.ok(
        "dns", "managed-zones", "create", "web", f"--dns-name={domain}.", "--description=Names"
    )
    return domain


def test_record_sets(gcloud: Gcloud, project: str, zone: str) -> None:
    """What the wiki's page on domains asks for: records are made, looked at, changed, removed."""
    www = "www.{project}.example."
    one = f"{www} --zone=web --type=A"
    rows = [
        Row(
            f"dns record-sets create {one} --ttl=300 --rrdatas=192.0.2.1",
            f"""
            NAME TYPE TTL DATA
            {www} A 300 192.0.2.1
            """,
        ),
        Row(
            f"dns record-sets create {one} --ttl=300 --rrdatas=192.0.2.2",
            says="ERROR: (gcloud.dns.record-sets.create) HTTPError 409: The resource 'entity.rrset'"
            f" named '{www} (A)' already exists",
            code=1,
        ),
        Row(
            f"dns record-sets update {one} --ttl=60 --rrdatas=192.0.2.3,192.0.2.4",
            f"""
            NAME TYPE TTL DATA
            {www} A 60 192.0.2.3,192.0.2.4
            """,
        ),
        Row(
            f"dns record-sets list --zone=web --name={www} --type=A --format='value(rrdatas)'",
            "192.0.2.3;192.0.2.4",
        ),
        Row(f"dns record-sets describe {one} --format='value(ttl)'", "60"),
        Row(
            f"dns record-sets delete {one}",
            says="Deleted [https://dns.googleapis.com/dns/v1/projects/{project}/managedZones/web/rrsets/…/A].",
            effect=lambda names: sets(project) == {},
        ),
        Row(
            "dns record-sets changes list --zone=web --sort-order=descending",
            """
            ID START_TIME STATUS
            3 …Z done
            2 …Z done
            1 …Z done
            0 …Z done
            """,
        ),
    ]
    play(gcloud, rows)


def test_a_transaction(gcloud: Gcloud, project: str, zone: str, tmp_path: Path) -> None:
    """All of a transaction comes at once, and raises the zone's serial number."""
    transaction = ("dns", "record-sets", "transaction")
    for arguments in (
        ("start",),
        ("add", "192.0.2.1", f"--name=www.{zone}.", "--ttl=300", "--type=A"),
        ("add", "google-site-verification=x", f"--name={zone}.", "--ttl=300", "--type=TXT"),
    ):
        gcloud.ok(*transaction, *arguments, "--zone=web", cwd=tmp_path)
    assert sets(project) == {}
    done = gcloud.ok(*transaction, "execute", "--zone=web", cwd=tmp_path)
    assert "Executed transaction [transaction.yaml] for managed-zone [web]." in done.stderr
    assert done.stdout.split()[-1] == "pending"
    assert sets(project) == {
        ("www.", "A"): ["192.0.2.1"],
        ("", "TXT"): ['"google-site-verification=x"'],
    }
    [soa] = gcloud.json("dns", "record-sets", "list", "--zone=web", f"--name={zone}.", "--type=SOA")
    assert soa["rrdatas"][0].split()[2] == "2"


ROUTE_53 = """
$ORIGIN {zone}.
$TTL 300
@    IN SOA ns-1.awsdns-01.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400
@    IN NS  ns-1.awsdns-01.com.
@    IN A   192.0.2.1
@    IN MX  10 mail
@    IN TXT "v=spf1 -all"
www  IN CNAME ghs.googlehosted.com.
*.dev 60 IN A 192.0.2.2
mail IN AAAA 2001:db8::1
"""


def test_a_registrars_zone_file(gcloud: Gcloud, project: str, zone: str, tmp_path: Path) -> None:
    """A team whose domain is at another registrar brings its zone file, and gets one back."""
    file = tmp_path / "zone.txt"
    file.write_text(ROUTE_53.format(zone=zone))
    move = ("dns", "record-sets", "import", str(file), "--zone-file-format", "--zone=web")
    assert "The following records (name type) already exist" in gcloud.refused(*move)
    done = gcloud.ok(*move, "--delete-all-existing")
    assert f"Imported record-sets from [{file}] into managed-zone [web]." in done.stderr
    assert sets(project) == {
        ("", "A"): ["192.0.2.1"],
        ("", "MX"): [f"10 mail.{zone}."],
        ("", "TXT"): ['"v=spf1 -all"'],
        ("www.", "CNAME"): ["ghs.googlehosted.com."],
        ("*.dev.", "A"): ["192.0.2.2"],
        ("mail.", "AAAA"): ["2001:db8::1"],
    }
    ns, soa = (
        gcloud.json("dns", "record-sets", "list", "--zone=web", f"--name={zone}.", f"--type={kind}")
        for kind in ("NS", "SOA")
    )
    assert "googledomains.com." in ns[0]["rrdatas"][0]
    assert soa[0]["rrdatas"][0].split()[0] in ns[0]["rrdatas"]
    back = tmp_path / "back.txt"
    gcloud.ok("dns", "record-sets", "export", str(back), "--zone-file-format", "--zone=web")
    exported = dns.zone.from_text(back.read_text(), f"{zone}.")
    assert exported.get_rdataset("www", "CNAME") is not None
    assert len(list(exported.iterate_rdatas(dns.rdatatype.A))) == 2


def test_a_private_zone(gcloud: Gcloud, project: str) -> None:
    """What is meant for one network only is kept apart from what the world is told."""
    gcloud.ok(
        "dns", "managed-zones", "create", "inner", f"--dns-name=inner.{project}.example.",
        "--description=Inside", "--visibility=private", "--networks=vpc",
    )  # fmt: skip
    found = gcloud.json("dns", "managed-zones", "describe", "inner")
    url = f"https://www.googleapis.com/compute/v1/projects/{project}/global/networks/vpc"
    assert [each["networkUrl"] for each in found["privateVisibilityConfig"]["networks"]] == [url]
    assert found["nameServers"] == ["ns-gcp-private.googledomains.com."]
