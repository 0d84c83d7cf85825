"""Cloud DNS over plain REST: what is kept, what is refused and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.calling import Caller
from tests.api.strangers import stranger, token
from tests.conftest import LocalCloud

BASE = "https://dns.googleapis.com/dns/v1/projects"
JSON = dict[str, Any]


@pytest.fixture
def call(cloud: LocalCloud, project: str) -> Caller:
    return Caller(f"{BASE}/{project}")


@pytest.fixture
def domain(project: str) -> str:
    """A domain of the test's own, with the final dot."""
    return f"{project}.example."


@pytest.fixture
def zone(call: Caller, domain: str) -> JSON:
    return call(
        "POST", "managedZones", {"name": "zone", "dnsName": domain, "description": "A zone"}
    )


def rrset(name: str, kind: str, *data: str, ttl: int = 300) -> JSON:
    return {"name": name, "type": kind, "ttl": ttl, "rrdatas": list(data)}


def change(call: Caller, new: list[JSON], gone: list[JSON], status: int = 200) -> JSON:
    return call("POST", "managedZones/zone/changes", {"additions": new, "deletions": gone}, status)


def kept(call: Caller) -> list[tuple[str, str]]:
    return [
        (each["name"], each["type"]) for each in call("GET", "managedZones/zone/rrsets")["rrsets"]
    ]


def test_a_new_zone(call: Caller, zone: JSON, domain: str) -> None:
    """Its name servers are what a reader tells the registrar."""
    assert len(zone["nameServers"]) == 4
    shard = zone["nameServers"][0].removeprefix("ns-cloud-")[0]
    assert zone["nameServers"] == [f"ns-cloud-{shard}{n}.googledomains.com." for n in range(1, 5)]
    assert (zone["visibility"], zone["dnsName"]) == ("public", domain)
    assert call("GET", "managedZones/zone") == call("GET", f"managedZones/{zone['id']}") == zone
    ns, soa = call("GET", "managedZones/zone/rrsets")["rrsets"]
    assert (ns["type"], ns["ttl"], ns["rrdatas"]) == ("NS", 21600, zone["nameServers"])
    rest = "cloud-dns-hostmaster.google.com. 1 21600 3600 259200 300"
    assert soa["rrdatas"] == [f"{zone['nameServers'][0]} {rest}"]
    [made] = call("GET", "managedZones/zone/changes")["changes"]
    assert (made["id"], made["status"], made["additions"]) == ("0", "done", [ns, soa])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "The 'entity.managedZone.name' parameter is required but was missing."),
        (
            {"name": "z", "dnsName": "a.example."},
            "The 'entity.managedZone.description' parameter is required but was missing.",
        ),
        ({"name": "Z"}, "Invalid value for 'entity.managedZone.name': 'Z'"),
        ({"name": "1"}, "Invalid value for 'entity.managedZone.name': '1'"),
        ({"name": 1}, "Invalid value for 'entity.managedZone.name': '1'"),
        ({"dnsName": "a.example"}, "Invalid value for 'entity.managedZone.dnsName': 'a.example'"),
        ({"dnsName": "a..b."}, "Invalid value for 'entity.managedZone.dnsName': 'a..b.'"),
        ({"dnsName": "*.b.c."}, "Invalid value for 'entity.managedZone.dnsName': '*.b.c.'"),
        ({"visibility": "x"}, "Invalid value for 'entity.managedZone.visibility': 'x'"),
        ({"labels": {"A": "b"}}, "Invalid value for 'entity.managedZone.labels': 'A'"),
        (
            {"visibility": "private", "privateVisibilityConfig": {"networks": [{}]}},
            "Invalid value for 'entity.managedZone.privateVisibilityConfig.networks[0].networkUrl'"
            ": 'None'",
        ),
        (
            {"dnsName": "com."},
            "The domain 'com.' (or its child domains) may be reserved or registered already,"
            " prohibited by policy, or there may be no DNS name server shards remaining for the"
            " name. For more information see"
            " https://cloud.google.com/dns/quotas#nameserver_limits.",
        ),
    ],
)
def test_a_wrong_zone_is_refused(call: Caller, body: JSON, message: str) -> None:
    """The refusal names the field, and there is no zone."""
    whole = {"name": "z", "dnsName": "a.example.", "description": ""}
    sent = whole | body if body and "description" not in message else body
    answer = call("POST", "managedZones", sent, 400)
    assert answer["error"]["message"] == message
    assert call("GET", "managedZones")["managedZones"] == []


@pytest.mark.parametrize(
    "field",
    [
        {"forwardingConfig": {"targetNameServers": [{"ipv4Address": "10.0.0.1"}]}},
        {"dnssecConfig": {"state": "on"}},
        {"cloudLoggingConfig": {"enableLogging": True}},
    ],
)
def test_what_is_not_served_is_refused_by_name(call: Caller, field: JSON) -> None:
    """A setting that is silently dropped would be believed to work."""
    body = {"name": "z", "dnsName": "a.example.", "description": "", **field}
    assert "does not serve" in call("POST", "managedZones", body, 501)["error"]["message"]


@pytest.mark.parametrize("path", ["policies", "responsePolicies", "managedZones/zone/dnsKeys"])
def test_methods_that_are_not_served(call: Caller, path: str) -> None:
    """A reader learns which part of Cloud DNS is missing here, not that something failed."""
    message = call("GET", path, status=501)["error"]["message"]
    assert message.startswith("The local cloud does not serve GET https://dns.googleapis.com/")


def test_a_zone_is_made_once(call: Caller, zone: JSON, domain: str) -> None:
    body = {"name": "zone", "dnsName": domain, "description": ""}
    answer = call("POST", "managedZones", body, 409)["error"]
    message = "The resource 'entity.managedZone' named 'zone' already exists"
    assert answer == {
        "code": 409,
        "message": message,
        "errors": [{"message": message, "domain": "global", "reason": "alreadyExists"}],
    }


def test_a_zone_that_is_not_there(call: Caller) -> None:
    message = "The 'parameters.managedZone' resource named 'no' does not exist."
    for verb, path in (("GET", ""), ("DELETE", ""), ("GET", "/rrsets")):
        assert call(verb, f"managedZones/no{path}", status=404)["error"]["message"] == message


def test_a_zone_is_changed(call: Caller, zone: JSON) -> None:
    """PATCH leaves what is not sent, PUT does not; the operation tells before and after."""
    done = call("PATCH", "managedZones/zone", {"labels": {"team": "web"}})
    assert (done["status"], done["zoneContext"]["oldValue"]) == ("done", zone)
    assert call("GET", "managedZones/zone") == zone | {"labels": {"team": "web"}}
    assert call("GET", f"managedZones/zone/operations/{done['id']}") == done
    call("PUT", "managedZones/zone", zone | {"description": "Another"})
    assert call("GET", "managedZones/zone") == zone | {"description": "Another"}
    refused = call("PATCH", "managedZones/zone", {"dnsName": "other.example."}, 400)
    message = "The field 'entity.managedZone.dnsName' cannot be modified."
    assert refused["error"]["message"] == message


def test_a_change_is_all_or_nothing(call: Caller, zone: JSON, domain: str) -> None:
    """Half a change of a live zone would be an outage."""
    www, api = f"www.{domain}", f"api.{domain}"
    made = change(call, [rrset(www, "A", "192.0.2.1"), rrset(api, "CNAME", www)], [])
    assert (made["status"], made["id"]) == ("pending", "1")
    assert call("GET", "managedZones/zone/changes/1") == made | {"status": "done"}
    before = call("GET", "managedZones/zone/rrsets")
    refused = change(
        call,
        [rrset(f"new.{domain}", "A", "192.0.2.2")],
        [rrset(www, "A", "192.0.2.9"), rrset(f"no.{domain}", "A", "192.0.2.3")],
        412,
    )["error"]
    assert refused["message"] == f"Precondition not met for 'entity.change.deletions[{www}][A]'"
    assert [each["reason"] for each in refused["errors"]] == ["conditionNotMet", "notFound"]
    assert call("GET", "managedZones/zone/rrsets") == before
    replaced = [rrset(www, "A", "192.0.2.5", "192.0.2.4", ttl=60)]
    change(call, replaced, [rrset(www, "A", "192.0.2.1")])
    assert call("GET", f"managedZones/zone/rrsets/{www}/A")["rrdatas"] == ["192.0.2.5", "192.0.2.4"]


def test_what_a_change_must_not_do(call: Caller, zone: JSON, domain: str) -> None:
    """Each refusal has the reason that Google's list of error messages explains."""
    www = f"www.{domain}"
    ns, soa = call("GET", "managedZones/zone/rrsets")["rrsets"]
    change(call, [rrset(www, "A", "192.0.2.1")], [])
    before = call("GET", "managedZones/zone/rrsets")
    path = f"entity.change.additions[{www}]"
    cases = [
        ([], [], 400, "required", "The 'entity.change' parameter is required but was missing."),
        (
            [rrset(www, "A", "192.0.2.2")], [], 409, "alreadyExists",
            f"The resource '{path}[A]' named '{www} (A)' already exists",
        ),
        (
            [rrset(www, "CNAME", domain)], [], 400, "cnameResourceRecordSetConflict",
            f"The resource record set '{path}[CNAME]' is invalid because the DNS name '{www}' has a"
            " resource record set of the type 'A'. A DNS name may have either one CNAME resource"
            " record set or resource record sets of other types, but not both.",
        ),
        (
            [rrset(f"two.{domain}", "CNAME", www, domain)], [], 400, "invalidRecordCount",
            f"The resource record set 'entity.change.additions[two.{domain}][CNAME]' is only"
            " permitted to have one record because it is of type 'CNAME'.",
        ),
        (
            [], [ns], 400, "invalidZoneApex",
            f"The resource record set 'entity.change.deletions[{domain}][NS]' is invalid because a"
            " zone must contain exactly one resource record set of type 'NS' at the apex.",
        ),
        ([], [soa], 400, "invalidZoneApex", "type 'SOA' at the apex."),
        (
            [], [rrset(f"no.{domain}", "TXT", '"x"')], 404, "notFound",
            f"The 'entity.change.deletions[no.{domain}][TXT]' resource named 'no.{domain} (TXT)'"
            " does not exist.",
        ),
        ([rrset(f"*.{domain}", "NS", "ns.example.net.")], [], 400, "wildcardNotAllowed", ""),
        (
            [rrset(www, "A", "192.0.2.256")], [], 400, "invalid",
            f"Invalid value for '{path}[A].rrdata[0]': '192.0.2.256'",
        ),
        (
            [rrset(f"srv.{domain}", "SRV", "2 10 5788 relative.example")], [], 400, "invalid",
            "rrdata[0]': '2 10 5788 relative.example'",
        ),
        ([rrset(www, "GROUP", "x")], [], 400, "invalid", f"'{path}[GROUP].type': 'GROUP'"),
        ([rrset("www.example.net.", "A", "192.0.2.1")], [], 400, "invalid",
         ".name': 'www.example.net.'"),
        ([rrset(f"a..{domain}", "A", "192.0.2.1")], [], 400, "invalid", f".name': 'a..{domain}'"),
        ([rrset(www, "AAAA", "2001:db8::1", ttl=-1)], [], 400, "invalid", ".ttl': '-1'"),
        ([rrset(www, "AAAA")], [], 400, "invalid", ".rrdata': '<empty>'"),
        ([rrset(www, "TXT", *map(str, range(101)))], [], 403, "quotaExceeded", ""),
    ]  # fmt: skip
    for new, gone, status, reason, message in cases:
        error = change(call, new, gone, status)["error"]
        assert message in error["message"]
        assert error["errors"][0]["reason"] == reason, error
    assert call("GET", "managedZones/zone/rrsets") == before


def test_records_are_kept_in_one_form(call: Caller, zone: JSON, domain: str) -> None:
    """What is read back can be sent as a deletion, whatever way it was written."""
    new = [
        rrset(f"WWW.{domain}", "AAAA", "2001:DB8:0:0::1"),
        rrset(f"txt.{domain}", "TXT", "two words", '"one; text"'),
        rrset(f"caa.{domain}", "CAA", '0 issue "pki.goog"'),
    ]
    change(call, new, [])
    sets = {each["type"]: each for each in call("GET", "managedZones/zone/rrsets")["rrsets"]}
    assert sets["AAAA"]["name"] == f"www.{domain}"
    assert sets["AAAA"]["rrdatas"] == ["2001:db8::1"]
    assert sets["TXT"]["rrdatas"] == ['"two" "words"', '"one; text"']
    change(call, [], [sets["AAAA"], sets["TXT"], sets["CAA"]])
    assert kept(call) == [(domain, "NS"), (domain, "SOA")]


def test_single_record_sets(call: Caller, zone: JSON, domain: str) -> None:
    """What ``gcloud dns record-sets create`` and its fellows send."""
    www = f"www.{domain}"
    call("POST", "managedZones/zone/rrsets", rrset(www, "A", "192.0.2.1"))
    answer = call("POST", "managedZones/zone/rrsets", rrset(www, "A", "192.0.2.1"), 409)["error"]
    assert answer["message"] == f"The resource 'entity.rrset' named '{www} (A)' already exists"
    changed = call("PATCH", f"managedZones/zone/rrsets/{www}/A", {"ttl": 60})
    assert (changed["ttl"], changed["rrdatas"]) == (60, ["192.0.2.1"])
    found = call("GET", "managedZones/zone/rrsets", name=www, type="A")["rrsets"]
    assert found == [call("GET", f"managedZones/zone/rrsets/{www}/A")] == [changed]
    assert call("DELETE", f"managedZones/zone/rrsets/{www}/A") == {}
    call("DELETE", f"managedZones/zone/rrsets/{www}/A", status=404)
    refused = call("DELETE", f"managedZones/zone/rrsets/{domain}/NS", status=400)["error"]
    assert refused["errors"][0]["reason"] == "invalidZoneApex"
    assert call("GET", "managedZones/zone/rrsets", type="A", status=400)["error"]


def test_a_zone_with_records_stays(call: Caller, zone: JSON, domain: str) -> None:
    """Deleting a zone by mistake must not take its records with it."""
    call("POST", "managedZones/zone/rrsets", rrset(f"www.{domain}", "A", "192.0.2.1"))
    error = call("DELETE", "managedZones/zone", status=400)["error"]
    assert error["errors"][0]["reason"] == "containerNotEmpty"
    message = (
        "The resource named 'zone' cannot be deleted because it contains one or more"
        " 'resource records'."
    )
    assert error["message"] == message
    call("DELETE", f"managedZones/zone/rrsets/www.{domain}/A")
    assert call("DELETE", "managedZones/zone") == {}
    assert call("GET", "managedZones")["managedZones"] == []
    made = call("POST", "managedZones", {"name": "zone", "dnsName": domain, "description": ""})
    assert made["id"] != zone["id"]
    assert len(call("GET", "managedZones/zone/changes")["changes"]) == 1


def test_pages(call: Caller, zone: JSON, domain: str) -> None:
    """A client that follows the tokens sees everything once, in either order."""
    change(call, [rrset(f"n{n}.{domain}", "A", "192.0.2.1") for n in range(5)], [])
    down: JSON = {"sortOrder": "descending"}
    cases: list[tuple[str, str, JSON]] = [
        ("managedZones/zone/rrsets", "rrsets", {}),
        ("managedZones/zone/changes", "changes", down),
    ]
    for path, what, more in cases:
        whole = call("GET", path, **more)[what]
        seen: list[JSON] = []
        following = ""
        while True:
            page = call("GET", path, maxResults=2, pageToken=following, **more)
            seen += page[what]
            following = page.get("nextPageToken", "")
            if not following:
                break
        assert seen == whole
        assert "nextPageToken" not in call("GET", path, maxResults=len(whole), **more)
    assert [each["id"] for each in whole] == ["1", "0"]
    call("GET", "managedZones/zone/rrsets", maxResults=0, status=400)
    call("GET", "managedZones/zone/rrsets", pageToken="nonsense!", status=400)


def test_permissions(cloud: LocalCloud, call: Caller, project: str, zone: JSON) -> None:
    """A role on one zone is a role on that zone, and an API that is off answers nobody."""
    policy = {"bindings": [{"role": "roles/dns.reader", "members": ["allAuthenticatedUsers"]}]}
    set_policy = call("POST", "managedZones/zone:setIamPolicy", {"policy": policy})
    assert set_policy["bindings"] == policy["bindings"]
    assert call("POST", "managedZones/zone:getIamPolicy", {}) == set_policy
    asked = ["dns.managedZones.get", "dns.changes.create"]
    held = call("POST", "managedZones/zone:testIamPermissions", {"permissions": asked})
    assert held == {"permissions": asked}
    other = Caller(f"{BASE}/{project}")
    other.session.headers["Authorization"] = f"Bearer {token(stranger(project))}"
    assert other("GET", "managedZones/zone") == zone
    for verb, path, body in (
        ("GET", "managedZones", None),
        ("DELETE", "managedZones/zone", None),
        ("POST", "managedZones/zone/changes", {"additions": [{}]}),
    ):
        error = other(verb, path, body, 403)["error"]
        assert (error["message"], error["errors"][0]["reason"]) == ("Forbidden", "forbidden")
    services = Caller("https://serviceusage.googleapis.com/v1/projects")
    services("POST", f"{project}/services/dns.googleapis.com:disable", {})
    error = call("GET", "managedZones", status=403)["error"]
    assert error["message"].startswith("Cloud DNS API has not been used in project")


def test_quotas(cloud: LocalCloud, project: str) -> None:
    found = Caller(BASE)("GET", project)
    assert (found["id"], found["quota"]["rrsetAdditionsPerChange"]) == (project, 1000)
