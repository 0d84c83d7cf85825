"""A cloud of its own, because these tests move its clock; services in Tokyo; a domain a test.

All clients here speak REST: gRPC trusts for the life of a process what it found first, and that may
be the certificate authority of another cloud.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import google.auth
import pytest
import requests
from google.auth.transport.requests import AuthorizedSession
from google.cloud import run_v2

from helpers.localcloud.home import Home
from tests.conftest import LocalCloud, entered, eventually

PROJECT = "hands-on"
TOKYO = "asia-northeast1"
SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/siteverification",
)
IMAGE = "gcr.io/cloudrun/hello"
VERIFICATION = "https://www.googleapis.com/siteVerification/v1"
DNS = f"https://dns.googleapis.com/dns/v1/projects/{PROJECT}/managedZones"

GOOGLE = "ghs.googlehosted.com."
ADDRESSES = ["216.239.32.21", "216.239.34.21", "216.239.36.21", "216.239.38.21"]
WAITING = (
    "Waiting for certificate provisioning. You must configure your DNS records for certificate"
    " issuance to begin."
)
_numbers = count(1)


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """The cloud of this folder's tests."""
    yield from entered(Home(tmp_path_factory.mktemp("cloud")))


@pytest.fixture(scope="package")
def session(cloud: LocalCloud) -> AuthorizedSession:
    """What calls the APIs: the application default credentials, for all that is done here."""
    credentials, _ = google.auth.default(scopes=SCOPES)
    return AuthorizedSession(credentials)


@dataclass
class Mappings:
    """The domain mappings of a region, through the namespaced addresses of Run v1."""

    session: requests.Session
    region: str = TOKYO
    project: str = PROJECT

    @property
    def url(self) -> str:
        namespaces = f"https://{self.region}-run.googleapis.com/apis/domains.cloudrun.com/v1"
        return f"{namespaces}/namespaces/{self.project}/domainmappings"

    def body(self, domain: str, route: str, **spec: Any) -> dict[str, Any]:
        return {
            "apiVersion": "domains.cloudrun.com/v1",
            "kind": "DomainMapping",
            "metadata": {"name": domain, "namespace": self.project},
            "spec": {"routeName": route, **spec},
        }

    def ask(self, domain: str, route: str, **spec: Any) -> requests.Response:
        return self.session.post(self.url, json=self.body(domain, route, **spec), timeout=30)

    def create(self, domain: str, route: str, **spec: Any) -> dict[str, Any]:
        """A new mapping, once the cloud knows whether it can be had."""
        answer = self.ask(domain, route, **spec)
        assert answer.status_code == 200, answer.text
        return eventually(
            lambda: self.get(domain), lambda found: "observedGeneration" in found["status"]
        )

    def get(self, domain: str) -> dict[str, Any]:
        answer = self.session.get(f"{self.url}/{domain}", timeout=30)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def states(self, domain: str) -> dict[str, str]:
        return {each["type"]: each["status"] for each in self.get(domain)["status"]["conditions"]}

    def condition(self, domain: str, kind: str = "Ready") -> dict[str, str]:
        conditions = self.get(domain)["status"]["conditions"]
        found: dict[str, str] = next(each for each in conditions if each["type"] == kind)
        return found

    def names(self) -> list[str]:
        items = self.session.get(self.url, timeout=30).json()["items"]
        return [item["metadata"]["name"] for item in items]

    def delete(self, domain: str) -> requests.Response:
        return self.session.delete(f"{self.url}/{domain}", timeout=30)


@pytest.fixture
def mappings(session: AuthorizedSession) -> Mappings:
    """The mappings of Tokyo."""
    return Mappings(session)


@dataclass
class Domain:
    """A domain that a test owns, with its zone in Cloud DNS."""

    session: requests.Session
    name: str
    zone: str = field(init=False)

    def __post_init__(self) -> None:
        self.zone = self.name.replace(".", "-")
        body = {"name": self.zone, "dnsName": f"{self.name}.", "description": ""}
        self._ok(self.session.post(DNS, json=body, timeout=30))

    def set(self, name: str, kind: str, *data: str) -> None:
        """Makes these the only records of a name and type."""
        self.clear(name, kind)
        body = {"name": f"{name}.", "type": kind, "ttl": 300, "rrdatas": list(data)}
        self._ok(self.session.post(f"{DNS}/{self.zone}/rrsets", json=body, timeout=30))

    def clear(self, name: str, kind: str) -> None:
        self.session.delete(f"{DNS}/{self.zone}/rrsets/{name}./{kind}", timeout=30)

    def verify(self) -> dict[str, Any]:
        """Shows that the caller owns the domain, as the documentation says."""
        site = {"type": "INET_DOMAIN", "identifier": self.name}
        body = {"site": site, "verificationMethod": "DNS_TXT"}
        token = self._ok(self.session.post(f"{VERIFICATION}/token", json=body, timeout=30))
        self.set(self.name, "TXT", f'"{token["token"]}"')
        url = f"{VERIFICATION}/webResource?verificationMethod=DNS_TXT"
        return self._ok(self.session.post(url, json={"site": site}, timeout=30))

    def _ok(self, answer: requests.Response) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def unverified(session: AuthorizedSession) -> Domain:
    """A domain with a zone, that nobody has been shown to own."""
    return Domain(session, f"example{next(_numbers)}.com")


@pytest.fixture
def domain(unverified: Domain) -> Domain:
    """A domain with a zone, and verified."""
    unverified.verify()
    return unverified


def deploy(name: str, region: str = TOKYO, image: str = IMAGE, **fields: Any) -> run_v2.Service:
    """A service that anybody may call, unless the fields say otherwise."""
    template = run_v2.RevisionTemplate(containers=[run_v2.Container(image=image)])
    fields = {"invoker_iam_disabled": True, **fields}
    service = run_v2.Service(
        name=f"projects/{PROJECT}/locations/{region}/services/{name}", template=template, **fields
    )
    request = run_v2.UpdateServiceRequest(service=service, allow_missing=True)
    return services().update_service(request).result(60)


def services() -> run_v2.ServicesClient:
    """The official client."""
    return run_v2.ServicesClient(transport="rest")


@pytest.fixture(scope="package")
def hello(cloud: LocalCloud) -> str:
    """A service in Tokyo that says hello."""
    deploy("hello")
    return "hello"


def advance(cloud: LocalCloud, by: str) -> None:
    """Moves the cloud's clock."""
    cloud.control.ask("advance", by=by)


def names_in_certificate(cloud: LocalCloud, host: str) -> list[str]:
    """The names in the certificate that a client gets for a host, whose chain it has checked."""
    with requests.get(f"https://{host}/", stream=True, timeout=30) as answer:
        raw: Any = answer.raw
        assert isinstance(raw.connection.sock, ssl.SSLSocket)
        found: Any = raw.connection.sock.getpeercert()
    return [name for kind, name in found["subjectAltName"] if kind == "DNS"]
