"""``curl``: the wiki's way to call a service, with the answers that Google gives."""

from __future__ import annotations

import google.auth.transport.requests
import pytest
from google.cloud import run_v2
from google.oauth2 import id_token

from tests.clients.test_official_clients import make_public, template
from tests.conftest import REGION, LocalCloud, access_token


@pytest.fixture
def service(cloud: LocalCloud, project: str) -> run_v2.Service:
    client = run_v2.ServicesClient()
    parent = f"projects/{project}/locations/{REGION}"
    wanted = run_v2.Service(template=template())
    return client.create_service(parent=parent, service=wanted, service_id="closed").result(60)


def curl(cloud: LocalCloud, url: str, *arguments: str) -> tuple[str, str]:
    done = cloud.run("curl", "-sS", "-w", "\n%{http_code} %{http_version}", *arguments, url)
    assert done.returncode == 0, done.stderr
    page, _, status = done.stdout.rpartition("\n")
    return status, page


def token_for(audience: str) -> str:
    request = google.auth.transport.requests.Request()
    return str(id_token.fetch_id_token(request, audience))


def test_statuses_are_googles(cloud: LocalCloud, service: run_v2.Service) -> None:
    """403, 401, 200 and 404 are what lesson 00 and every team's runbook tell apart."""
    for url in service.urls:
        status, page = curl(cloud, url)
        assert (status, "<h1>Error: Forbidden</h1>" in page) == ("403 1.1", True)
        status, page = curl(cloud, url, "-H", f"Authorization: Bearer {access_token()}")
        assert (status, "<h1>Error: Unauthorized</h1>" in page) == ("401 1.1", True)
        status, page = curl(cloud, url, "-H", f"Authorization: Bearer {token_for('https://a.b')}")
        assert status == "401 1.1"
        status, page = curl(cloud, url, "-H", f"Authorization: Bearer {token_for(url)}")
        assert (status, "It's running!" in page) == ("200 1.1", True)
    host = service.uri.removeprefix("https://closed")
    status, page = curl(cloud, f"https://nothing{host}")
    assert (status, "<h1>Error: Page not found</h1>" in page) == ("404 1.1", True)


def test_a_public_service_needs_no_token(cloud: LocalCloud, service: run_v2.Service) -> None:
    """``allUsers`` as invoker is how the wiki's first service was open."""
    make_public(run_v2.ServicesClient(), service.name)
    assert curl(cloud, service.uri)[0] == "200 1.1"


def test_plain_http_is_sent_to_https(cloud: LocalCloud, service: run_v2.Service) -> None:
    """The wiki says "reachable on port 80"; what answers there is a redirect."""
    url = service.uri.replace("https://", "http://")
    status, _ = curl(cloud, url, "-o", "/dev/null", "-w", "\n%{http_code} %{redirect_url}")
    assert status == f"302 {service.uri}/"
