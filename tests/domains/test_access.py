"""A mapped domain is another door to the same service: the same traffic, the same checks."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
import requests
from google.cloud import run_v2
from google.cloud.devtools import cloudbuild_v1
from google.oauth2 import service_account

from helpers import auth, service
from tests.api.strangers import token
from tests.clients.images import build
from tests.conftest import LocalCloud
from tests.domains.conftest import (
    GOOGLE,
    PROJECT,
    SCOPES,
    TOKYO,
    VERIFICATION,
    Domain,
    Mappings,
    advance,
    deploy,
    services,
)

PARENT = f"projects/{PROJECT}/locations/{TOKYO}/services"


@pytest.fixture
def www(cloud: LocalCloud, domain: Domain, mappings: Mappings) -> str:
    """A domain that is mapped to the service ``door``, and ready."""
    name = f"www.{domain.name}"
    deploy("door")
    domain.set(name, "CNAME", GOOGLE)
    mappings.create(name, "door")
    advance(cloud, "15m")
    return name


def status(url: str, audience: str = "") -> int:
    return service.call(url, auth.id_token(audience) if audience else "").status_code


def test_the_invoker_check_holds_and_the_domain_has_to_be_an_audience(www: str) -> None:
    """A closed service must not be open by its other name."""
    closed = deploy("door", invoker_iam_disabled=False)
    url = f"https://{www}"
    assert status(url) == 403
    assert status(url, closed.uri) == 200
    assert status(url, url) == 401
    deploy("door", invoker_iam_disabled=False, custom_audiences=[url])
    assert status(url, url) == 200


def test_the_domain_answers_where_the_default_url_is_off(www: str) -> None:
    open_service = deploy("door")
    deploy("door", default_uri_disabled=True)
    assert status(open_service.uri) == 404
    assert status(f"https://{www}") == 200


def test_traffic_is_split_as_the_service_says(www: str) -> None:
    """Who rolls back expects the domain to follow."""
    first = deploy("door").latest_ready_revision.rpartition("/")[2]
    client, name = services(), f"{PARENT}/door"
    changed = client.get_service(name=name)
    changed.template.containers[0].env = [run_v2.EnvVar(name="A", value="b")]
    changed.traffic = [service.to(first, 100)]
    updated = client.update_service(service=changed).result(60)
    second = updated.latest_ready_revision.rpartition("/")[2]
    assert second != first
    assert first in service.call(f"https://{www}").text
    changed = client.get_service(name=name)
    changed.traffic = [service.to(second, 100)]
    client.update_service(service=changed).result(60)
    assert second in service.call(f"https://{www}").text


APP = """
import os, urllib.error, urllib.parse, urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            with urllib.request.urlopen(urllib.parse.unquote(self.path[1:]), timeout=30) as answer:
                text = f"{answer.status} {answer.url} {answer.read().decode()}"
        except OSError as error:
            text = f"no: {error}"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

HTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
"""
DOCKERFILE = """FROM python:3.12-slim
COPY main.py /main.py
CMD ["python", "/main.py"]
"""


def test_an_app_reaches_a_mapped_domain(
    cloud: LocalCloud, www: str, domain: Domain, mappings: Mappings
) -> None:
    """Services call each other by the names that their users see, too."""
    builder = cloudbuild_v1.CloudBuildClient(transport="rest")
    image = build(PROJECT, "fetch", DOCKERFILE, {"main.py": APP}, client=builder)
    url = deploy("fetch", image=image).uri

    def fetched(address: str) -> str:
        return service.call(f"{url}/{quote(address, safe='')}").text

    page = service.call(f"https://{www}").text
    assert fetched(f"https://{www}/") == f"200 https://{www}/ {page}"
    assert fetched(f"http://{www}/") == f"200 https://{www}/ {page}"
    shop = f"shop.{domain.name}"
    mappings.create(shop, "door")
    assert fetched(f"https://{shop}/").startswith("no: ")
    domain.set(shop, "CNAME", GOOGLE)
    assert fetched(f"https://{shop}/").startswith("no: ")
    advance(cloud, "15m")
    assert fetched(f"https://{shop}/").startswith(f"200 https://{shop}/")


def test_a_deleted_service_is_not_found_at_its_domain(www: str) -> None:
    services().delete_service(name=f"{PARENT}/door").result(60)
    assert status(f"https://{www}") == 404
    deploy("door")
    assert status(f"https://{www}") == 200


def stranger(session: Any, project: str) -> service_account.Credentials:
    """Credentials of a new service account of the project, which has no role."""
    url = f"https://iam.googleapis.com/v1/projects/{project}/serviceAccounts"
    account = session.post(url, json={"accountId": "stranger"}, timeout=30).json()
    key = session.post(f"{url}/{account['email']}/keys", json={}, timeout=30).json()
    info = json.loads(base64.b64decode(key["privateKeyData"]))
    return service_account.Credentials.from_service_account_info(info, scopes=SCOPES)


def test_only_owners_and_editors_map_domains(
    cloud: LocalCloud, project: str, domain: Domain, mappings: Mappings
) -> None:
    """Google's table of roles says so of the administrators of Cloud Run too."""
    credentials = stranger(mappings.session, project)
    mine = Mappings(mappings.session, project=project)
    headers = {"Authorization": f"Bearer {token(credentials)}"}
    member = f"serviceAccount:{credentials.service_account_email}"
    policies = f"https://cloudresourcemanager.googleapis.com/v1/projects/{project}"
    body = mine.body(f"www.{domain.name}", "door")
    seen = []
    for role in ("roles/run.admin", "roles/viewer", "roles/editor"):
        policy = mine.session.post(f"{policies}:getIamPolicy", json={}, timeout=30).json()
        policy["bindings"].append({"role": role, "members": [member]})
        set_policy = mine.session.post(
            f"{policies}:setIamPolicy", json={"policy": policy}, timeout=30
        )
        assert set_policy.status_code == 200, set_policy.text
        created = requests.post(mine.url, json=body, headers=headers, timeout=30)
        listed = requests.get(mine.url, headers=headers, timeout=30)
        seen.append((created.status_code, listed.status_code))
    assert seen == [(403, 403), (403, 200), (200, 200)]


def test_ownership_is_shown_by_a_record_and_given_to_others(
    unverified: Domain, session: Any, project: str
) -> None:
    """Whoever can't write the domain's records must not get it; who can may name others."""
    site = {"type": "INET_DOMAIN", "identifier": unverified.name}
    asked = {"site": site, "verificationMethod": "DNS_TXT"}
    first = session.post(f"{VERIFICATION}/token", json=asked, timeout=30).json()
    assert first == session.post(f"{VERIFICATION}/token", json=asked, timeout=30).json()
    assert first["token"].startswith("google-site-verification=")
    url = f"{VERIFICATION}/webResource?verificationMethod=DNS_TXT"

    def insert(**fields: Any) -> requests.Response:
        answer: requests.Response = session.post(url, json={"site": site, **fields}, timeout=30)
        return answer

    unverified.set(unverified.name, "TXT", '"google-site-verification=somebody-else"')
    refused = insert()
    assert refused.status_code == 400
    assert refused.json()["error"]["message"] == (
        "The necessary verification token could not be found on your site."
    )
    unverified.set(unverified.name, "TXT", '"v=spf1 -all"', f'"{first["token"]}"')
    me, other = auth.who_am_i()["account"], "learner@example.com"
    resource = insert(owners=[other]).json()
    assert resource == {
        "id": f"dns%3A%2F%2F{unverified.name}",
        "site": site,
        "owners": [me, other],
    }
    one = f"{VERIFICATION}/webResource/{resource['id']}"
    assert session.get(one, timeout=30).json() == resource
    assert resource in session.get(f"{VERIFICATION}/webResource", timeout=30).json()["items"]
    authorized = f"https://run.googleapis.com/v1/projects/{PROJECT}/authorizeddomains"
    known = {
        "id": unverified.name,
        "name": f"projects/{PROJECT}/authorizedDomains/{unverified.name}",
    }
    assert known in session.get(authorized, timeout=30).json()["domains"]

    credentials = stranger(session, project)
    headers = {"Authorization": f"Bearer {token(credentials)}"}
    assert requests.get(one, headers=headers, timeout=30).status_code == 403
    assert requests.post(url, json={"site": site}, headers=headers, timeout=30).status_code == 400

    without_me = session.put(one, json=resource | {"owners": [other]}, timeout=30)
    assert without_me.status_code == 400
    assert session.delete(one, timeout=30).status_code == 204
    assert session.get(one, timeout=30).status_code == 403
    assert known not in session.get(authorized, timeout=30).json().get("domains", [])


def test_site_verification_wants_its_own_scope(session: Any) -> None:
    """On Google a token for Google Cloud does not open it: a lesson must ask for the right one."""
    headers = {"Authorization": f"Bearer {auth.access_token()}"}
    answer = requests.get(f"{VERIFICATION}/webResource", headers=headers, timeout=30)
    assert answer.status_code == 403
    assert answer.json()["error"]["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"


@pytest.mark.parametrize(
    ("site", "method", "code"),
    [
        ({"type": "INET_DOMAIN", "identifier": "no domain"}, "DNS_TXT", 400),
        ({"type": "OTHER", "identifier": "example.com"}, "DNS_TXT", 400),
        ({"type": "INET_DOMAIN", "identifier": "example.com"}, "MAGIC", 400),
        ({"type": "SITE", "identifier": "https://example.com"}, "FILE", 501),
        ({"type": "SITE", "identifier": "https://example.com"}, "DNS_TXT", 501),
    ],
)
def test_other_ways_of_verification(
    session: Any, site: dict[str, str], method: str, code: int
) -> None:
    body = {"site": site, "verificationMethod": method}
    assert session.post(f"{VERIFICATION}/token", json=body, timeout=30).status_code == code
