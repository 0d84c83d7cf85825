"""``gcloud beta run domain-mappings`` and ``gcloud domains``, from ownership to HTTPS."""

from __future__ import annotations

import google.auth
import requests
from google.auth.transport.requests import AuthorizedSession

from tests.clients.gcloud.conftest import Gcloud
from tests.clients.gcloud.running import last_line
from tests.conftest import LocalCloud

TOKYO = {"CLOUDSDK_RUN_REGION": "asia-northeast1", "TERM": "dumb"}
MAPPINGS = ("beta", "run", "domain-mappings")
HELLO = "gcr.io/cloudrun/hello"
LEARNER = "learner@example.com"
SCOPE = "https://www.googleapis.com/auth/siteverification"
API = "https://www.googleapis.com/siteVerification/v1"


def verify(gcloud: Gcloud, domain: str) -> None:
    """Shows by a TXT record that the notebook's account owns a domain, and lets the learner in."""
    credentials, _ = google.auth.default([SCOPE])
    session = AuthorizedSession(credentials)
    site = {"type": "INET_DOMAIN", "identifier": domain}
    asked = {"site": site, "verificationMethod": "DNS_TXT"}
    token = session.post(f"{API}/token", json=asked, timeout=30).json()["token"]
    zone = domain.replace(".", "-")
    gcloud.ok("dns", "managed-zones", "create", zone, f"--dns-name={domain}.", "--description=")
    record(gcloud, zone, f"{domain}.", "TXT", f'"{token}"')
    url = f"{API}/webResource?verificationMethod=DNS_TXT"
    answer = session.post(url, json={"site": site, "owners": [LEARNER]}, timeout=30)
    assert answer.status_code == 200, answer.text


def record(gcloud: Gcloud, zone: str, name: str, kind: str, data: str) -> None:
    flags = (f"--zone={zone}", f"--type={kind}", "--ttl=300", f"--rrdatas={data}")
    gcloud.ok("dns", "record-sets", "create", name, *flags)


def test_a_domain_from_verification_to_deletion(cloud: LocalCloud, gcloud: Gcloud) -> None:
    """What the wiki's page says in one sentence, command by command."""
    domain, www = "gcloud-maps.com", "www.gcloud-maps.com"
    gcloud.ok("run", "deploy", "hello", "--image", HELLO, "--no-invoker-iam-check", **TOKYO)
    create = (*MAPPINGS, "create", "--service=hello", f"--domain={www}")
    refused = gcloud.refused(*create, **TOKYO)
    assert (
        "ERROR: (gcloud.beta.run.domain-mappings.create) The provided domain does not appear to be"
        " verified for the current account so a domain mapping cannot be created."
    ) in refused
    assert domain not in gcloud.ok("domains", "list-user-verified").stdout
    verify(gcloud, domain)
    assert domain in gcloud.ok("domains", "list-user-verified").stdout.split()

    made = gcloud.ok(*create, **TOKYO)
    assert (
        "Waiting for certificate provisioning. You must configure your DNS records for certificate"
        " issuance to begin."
    ) in made.stderr
    assert [line.split() for line in made.stdout.splitlines()] == [
        ["NAME", "RECORD", "TYPE", "CONTENTS"],
        ["www", "CNAME", "ghs.googlehosted.com."],
    ]
    again = gcloud.refused(*create, **TOKYO)
    assert last_line(again) == (
        "ERROR: (gcloud.beta.run.domain-mappings.create) Domain mapping to"
        f" [{www}] already exists in this region."
    )
    record(gcloud, "gcloud-maps-com", f"{www}.", "CNAME", "ghs.googlehosted.com.")
    cloud.control.ask("advance", by="15m")
    described = gcloud.json(*MAPPINGS, "describe", f"--domain={www}", **TOKYO)
    assert [(each["type"], each["status"]) for each in described["status"]["conditions"]] == [
        ("Ready", "True"), ("CertificateProvisioned", "True"), ("DomainRoutable", "True"),
    ]  # fmt: skip
    table = gcloud.ok(*MAPPINGS, "list", **TOKYO).stdout.splitlines()
    assert table[1].split()[-3:] == [www, "hello", "asia-northeast1"]
    assert requests.get(f"https://{www}/", timeout=30).status_code == 200

    gone = gcloud.ok(*MAPPINGS, "delete", f"--domain={www}", **TOKYO).stderr
    assert f"Mappings to [{www}] now have been deleted." in gone
    missing = gcloud.refused(*MAPPINGS, "describe", f"--domain={www}", **TOKYO)
    assert missing.startswith(
        f"ERROR: (gcloud.beta.run.domain-mappings.describe) NOT_FOUND: Resource '{www}' of kind"
        f" 'DOMAIN_MAPPING' in region 'asia-northeast1' in project '{gcloud.project}' does not"
        " exist. This command is authenticated as"
    )


def test_a_domain_that_is_taken_is_overridden_on_request(gcloud: Gcloud) -> None:
    """Moving a site to another region is this, or an hour without it."""
    verify(gcloud, "gcloud-moves.com")
    flags = ("--service=hello", "--domain=gcloud-moves.com")
    for region in ("us-central1", "us-west1"):
        place = {"CLOUDSDK_RUN_REGION": region, "TERM": "dumb"}
        gcloud.ok("run", "deploy", "hello", "--image", HELLO, "--no-invoker-iam-check", **place)
    gcloud.ok(*MAPPINGS, "create", *flags, CLOUDSDK_RUN_REGION="us-central1")
    west = {"CLOUDSDK_RUN_REGION": "us-west1", "TERM": "dumb"}
    said = gcloud.refused(*MAPPINGS, "create", *flags, **west)
    assert "Domain mapping to [gcloud-moves.com] is already in use elsewhere." in said
    gcloud.ok(*MAPPINGS, "delete", "--domain=gcloud-moves.com", **west)
    made = gcloud.ok(*MAPPINGS, "create", *flags, "--force-override", **west)
    assert [line.split() for line in made.stdout.splitlines()[1:]][:2] == [
        ["hello", "A", "216.239.32.21"],
        ["hello", "A", "216.239.34.21"],
    ]


def test_domains_verify_only_opens_a_browser(gcloud: Gcloud) -> None:
    """It has no other way: without a browser it prints the address of Search Console and ends."""
    said = gcloud.ok("domains", "verify", "gcloud-maps.com", BROWSER="true").stderr
    assert said == (
        "Opening [https://search.google.com/search-console/welcome?authuser=0"
        "&new_domain_name=gcloud-maps.com&pli=1] in a new tab in your default browser.\n"
    )
