"""A domain from its registrar to a page over HTTPS, and all that can be wrong on the way."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.conftest import LocalCloud
from tests.domains.conftest import (
    ADDRESSES,
    GOOGLE,
    TOKYO,
    WAITING,
    Domain,
    Mappings,
    advance,
    deploy,
    names_in_certificate,
)

SEOUL = "asia-northeast3"
READY = {"Ready": "True", "CertificateProvisioned": "True", "DomainRoutable": "True"}
PENDING = {
    "Ready": "Unknown",
    "CertificateProvisioned": "Unknown",
    "DomainRoutable": "True",
    "Retry": "True",
}


def test_wiki_seoul_has_no_domain_mappings(hello: str, domain: Domain, mappings: Mappings) -> None:
    """ "아직 Seoul은 지원하지 않고": whoever tries must be told, in Google's words."""
    seoul = Mappings(mappings.session, SEOUL)
    answer = seoul.ask(f"www.{domain.name}", "hello")
    assert answer.status_code == 501
    assert answer.json()["error"] == {
        "code": 501,
        "message": f"Creating domain mappings is not allowed in {SEOUL}.",
        "status": "UNIMPLEMENTED",
    }
    assert seoul.names() == []


def test_wiki_verification_and_a_cname_lead_to_a_page_over_https_in_tokyo(
    cloud: LocalCloud, hello: str, domain: Domain, mappings: Mappings
) -> None:
    """ "verify domain 인증을 거친 후 CNAME으로 연동": the whole of the wiki's section."""
    www = f"www.{domain.name}"
    made = mappings.create(www, hello)
    assert made["status"]["resourceRecords"] == [{"name": "www", "rrdata": GOOGLE, "type": "CNAME"}]
    assert made["status"]["mappedRouteName"] == hello
    assert mappings.states(www) == PENDING
    assert mappings.condition(www)["reason"] == "CertificatePending"
    assert mappings.condition(www)["message"] == WAITING
    with pytest.raises(requests.exceptions.ProxyError, match="502"):
        requests.get(f"https://{www}/", timeout=30)

    domain.set(www, "CNAME", GOOGLE)
    moved = requests.get(f"http://{www}/a?b=c", timeout=30, allow_redirects=False)
    assert (moved.status_code, moved.headers["Location"]) == (302, f"https://{www}/a?b=c")
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"https://{www}/", timeout=30)

    advance(cloud, "15m")
    assert mappings.states(www) == READY
    answer = requests.get(f"https://{www}/", timeout=30)
    assert answer.status_code == 200
    assert hello in answer.text
    assert names_in_certificate(cloud, www) == [www]
    curl = cloud.run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"https://{www}/")
    assert (curl.stdout, curl.stderr) == ("200", "")
    assert requests.get(f"http://{www}/", timeout=30).url == f"https://{www}/"


def test_a_pending_mapping_is_repaired_by_its_records_alone(
    cloud: LocalCloud, hello: str, domain: Domain, mappings: Mappings
) -> None:
    """Who deletes and maps again waits again, and may lose the name to somebody else."""
    www = f"www.{domain.name}"
    domain.set(www, "CNAME", "ghs.googlehosted.co.")
    uid = mappings.create(www, hello)["metadata"]["uid"]
    advance(cloud, "24h")
    assert mappings.states(www) == PENDING
    assert mappings.condition(www)["message"] == WAITING
    told = mappings.condition(www, "CertificateProvisioned")
    assert told["reason"] == "CertificatePending"
    assert told["message"].startswith(
        "Certificate issuance pending. The challenge data was not visible through the public"
        " internet."
    )
    retry = mappings.condition(www, "Retry")
    assert retry["severity"] == "Info"
    assert retry["message"].startswith("System will retry after 15:00 ")

    domain.set(www, "CNAME", GOOGLE)
    advance(cloud, "15m")
    assert mappings.states(www) == READY
    assert mappings.get(www)["metadata"]["uid"] == uid
    assert requests.get(f"https://{www}/", timeout=30).status_code == 200

    domain.clear(www, "CNAME")
    advance(cloud, "24h")
    assert mappings.states(www) == READY
    with pytest.raises(requests.exceptions.ProxyError, match="502"):
        requests.get(f"https://{www}/", timeout=30)


def test_a_whole_domain_has_addresses_and_one_of_another_server_spoils_them(
    cloud: LocalCloud, hello: str, domain: Domain, mappings: Mappings
) -> None:
    """A parking page's address that was left beside Google's is a common cause of waiting."""
    made = mappings.create(domain.name, hello)
    records = made["status"]["resourceRecords"]
    assert [each["rrdata"] for each in records if each["type"] == "A"] == ADDRESSES
    assert [each["rrdata"] for each in records if each["type"] == "AAAA"] == [
        f"2001:4860:4802:{part}::15" for part in (32, 34, 36, 38)
    ]
    assert not any("name" in each for each in records)
    domain.set(domain.name, "A", *ADDRESSES, "203.0.113.1")
    advance(cloud, "15m")
    assert mappings.states(domain.name)["Ready"] == "Unknown"
    domain.set(domain.name, "A", *ADDRESSES)
    domain.set(domain.name, "AAAA", "2001:db8::1")
    advance(cloud, "15m")
    assert mappings.states(domain.name)["Ready"] == "Unknown"
    domain.clear(domain.name, "AAAA")
    advance(cloud, "15m")
    assert mappings.states(domain.name) == READY
    assert requests.get(f"https://{domain.name}/", timeout=30).status_code == 200


def test_a_name_leads_to_google_by_way_of_another_name(
    cloud: LocalCloud, hello: str, domain: Domain, mappings: Mappings
) -> None:
    www, shop = f"www.{domain.name}", f"shop.{domain.name}"
    domain.set(shop, "CNAME", f"{www}.")
    domain.set(www, "CNAME", GOOGLE)
    mappings.create(shop, hello)
    advance(cloud, "15m")
    assert mappings.states(shop) == READY


def test_who_does_not_own_a_domain_gets_a_mapping_that_leads_nowhere(
    cloud: LocalCloud, hello: str, unverified: Domain, mappings: Mappings
) -> None:
    """Without this a stranger could answer for somebody's name."""
    www = f"www.{unverified.name}"
    unverified.set(www, "CNAME", GOOGLE)
    made = mappings.create(www, hello)
    assert "resourceRecords" not in made["status"]
    for kind in ("Ready", "DomainRoutable"):
        condition = mappings.condition(www, kind)
        assert (condition["status"], condition["reason"]) == ("False", "PermissionDenied")
        assert condition["message"].startswith(
            f"Caller is not authorized to administer the domain '{www}'. If you own '{www}', you"
            " can obtain authorization by verifying ownership of the domain, or any of its parent"
            " domains"
        )
    assert requests.get(f"http://{www}/", timeout=30).status_code == 404
    unverified.verify()
    advance(cloud, "24h")
    assert mappings.condition(www)["reason"] == "PermissionDenied"
    assert mappings.delete(www).status_code == 200
    mappings.create(www, hello)
    advance(cloud, "15m")
    assert mappings.states(www) == READY


def test_a_domain_is_mapped_once(
    cloud: LocalCloud, hello: str, domain: Domain, mappings: Mappings
) -> None:
    """The second mapping says that it lost, or takes the domain if it is told to."""
    www = f"www.{domain.name}"
    domain.set(www, "CNAME", GOOGLE)
    deploy("hello", "us-central1")
    iowa = Mappings(mappings.session, "us-central1")
    mappings.create(www, hello)
    advance(cloud, "15m")
    again = mappings.ask(www, hello)
    assert (again.status_code, again.json()["error"]["status"]) == (409, "ALREADY_EXISTS")
    lost = iowa.create(www, "hello")
    assert "resourceRecords" not in lost["status"]
    assert iowa.condition(www)["reason"] == "MappingAlreadyExists"
    assert mappings.states(www) == READY

    assert iowa.delete(www).status_code == 200
    assert requests.get(f"https://{www}/", timeout=30).status_code == 200
    iowa.create(www, "hello", forceOverride=True)
    assert iowa.states(www) == PENDING
    assert mappings.condition(www)["reason"] == "MappingAlreadyExists"
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"https://{www}/", timeout=30)
    advance(cloud, "15m")
    assert iowa.states(www) == READY
    assert mappings.condition(www)["reason"] == "MappingAlreadyExists"
    assert requests.get(f"https://{www}/", timeout=30).status_code == 200

    assert iowa.delete(www).status_code == 200
    advance(cloud, "15m")
    assert mappings.states(www) == READY


def test_a_mapping_to_no_service_waits_for_one(
    cloud: LocalCloud, domain: Domain, mappings: Mappings
) -> None:
    www = f"www.{domain.name}"
    domain.set(www, "CNAME", GOOGLE)
    made = mappings.create(www, "later")
    assert "resourceRecords" not in made["status"]
    assert mappings.condition(www)["reason"] == "RouteMissing"
    deploy("later")
    advance(cloud, "15m")
    assert mappings.states(www) == READY
    assert requests.get(f"https://{www}/", timeout=30).status_code == 200


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("*.DOMAIN", {}, "metadata.name"),
    ("Www.DOMAIN", {}, "metadata.name"),
    ("localhost", {}, "metadata.name"),
    ("", {}, "metadata.name"),
    (f"{'a' * 60}.DOMAIN", {}, "metadata.name"),
    ("www.DOMAIN", {"routeName": ""}, "spec.route_name"),
    ("www.DOMAIN", {"certificateMode": "MANUAL"}, "spec.certificate_mode"),
    ("www.DOMAIN", {"route": "hello"}, "domain_mapping.spec"),
]


@pytest.mark.parametrize(("name", "spec", "field"), WRONG)
def test_what_cannot_be_mapped_is_refused_with_its_field(
    domain: Domain, mappings: Mappings, name: str, spec: dict[str, Any], field: str
) -> None:
    before = mappings.names()
    body = mappings.body(name.replace("DOMAIN", domain.name), "hello")
    body["spec"] |= spec
    answer = mappings.session.post(mappings.url, json=body, timeout=30)
    assert answer.status_code == 400, answer.text
    (violation,) = answer.json()["error"]["details"][0]["fieldViolations"]
    assert violation["field"] == field
    assert mappings.names() == before


def test_what_is_not_served_is_refused_by_name(domain: Domain, mappings: Mappings) -> None:
    answer = mappings.ask(f"www.{domain.name}", "hello", certificateMode="NONE")
    assert answer.status_code == 501
    assert "certificateMode NONE" in answer.json()["error"]["message"]
    assert mappings.ask(f"www.{domain.name}", "hello", certificateMode="AUTOMATIC").ok


def test_both_addresses_show_the_same_mapping(
    hello: str, domain: Domain, mappings: Mappings
) -> None:
    """The shape is that of a live mapping of 2026-07-31."""
    www = f"www.{domain.name}"
    url = f"https://run.googleapis.com/v1/projects/hands-on/locations/{TOKYO}/domainmappings"
    body = mappings.body(www, hello) | {"status": {"url": "ignored"}}
    body["metadata"]["labels"] = {"team": "a"}
    dry = mappings.session.post(f"{url}?dryRun=all", json=body, timeout=30)
    assert dry.json()["metadata"]["name"] == www
    assert www not in mappings.names()
    assert mappings.session.post(url, json=body, timeout=30).status_code == 200
    found = mappings.get(www)
    assert mappings.session.get(f"{url}/{www}", timeout=30).json() == found
    listed = mappings.session.get(url, params={"labelSelector": "team=a"}, timeout=30).json()
    assert (listed["apiVersion"], listed["kind"]) == (
        "domains.cloudrun.com/v1",
        "DomainMappingList",
    )
    assert [item["metadata"]["name"] for item in listed["items"]] == [www]
    about = found["metadata"]
    assert found["apiVersion"] == "domains.cloudrun.com/v1"
    assert about["selfLink"] == (
        f"/apis/domains.cloudrun.com/v1/namespaces/{about['namespace']}/domainmappings/{www}"
    )
    assert about["labels"].keys() == {
        "team", "cloud.googleapis.com/location", "run.googleapis.com/overrideAt",
    }  # fmt: skip
    assert found["spec"] == {"routeName": hello}
    assert found["status"]["observedGeneration"] == about["generation"] == 1

    gone = mappings.session.delete(f"{url}/{www}", timeout=30).json()
    assert gone["details"]["uid"] == about["uid"]
    missing = mappings.session.get(f"{url}/{www}", timeout=30)
    assert missing.status_code == 404
    assert missing.json()["error"]["message"] == (
        f"Resource '{www}' of kind 'DOMAIN_MAPPING' in region '{TOKYO}' in project 'hands-on' does"
        " not exist."
    )


def test_a_deleted_mapping_leaves_nothing_behind(
    cloud: LocalCloud, hello: str, domain: Domain, mappings: Mappings
) -> None:
    """The name still leads to Google, who knows it no longer: it must never be passed on."""
    www = f"www.{domain.name}"
    domain.set(www, "CNAME", GOOGLE)
    first = mappings.create(www, hello)["metadata"]["uid"]
    advance(cloud, "15m")
    assert requests.get(f"https://{www}/", timeout=30).status_code == 200
    assert mappings.delete(www).status_code == 200
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"https://{www}/", timeout=30)
    assert requests.get(f"http://{www}/", timeout=30).status_code == 404
    assert mappings.delete(www).status_code == 404
    assert mappings.create(www, hello)["metadata"]["uid"] != first
    assert mappings.states(www) == PENDING


def test_two_domains_lead_to_one_service(
    cloud: LocalCloud, hello: str, domain: Domain, mappings: Mappings
) -> None:
    names = [f"www.{domain.name}", f"shop.{domain.name}"]
    for name in names:
        domain.set(name, "CNAME", GOOGLE)
        mappings.create(name, hello)
    advance(cloud, "15m")
    for name in names:
        assert requests.get(f"https://{name}/", timeout=30).status_code == 200
        assert names_in_certificate(cloud, name) == [name]
